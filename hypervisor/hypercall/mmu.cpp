// SPDX-License-Identifier: MIT
/// Page-table hypercalls: mmu_update, update_va_mapping, mmuext_op (public header xen.h; docs/page-types.md).
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "hypercall/flush.hpp"
#include "hypercall/handlers.hpp"
#include "mm/m2p.hpp"
#include "mm/page_ref.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/leaf_table.hpp"
#include "pvmmu/update.hpp"
#include "xen/mmu.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace rf::hypercall {
namespace {

using pvmmu::Entry;
using pvmmu::Preserve;

/// Continuation mark in the count argument (MMU_UPDATE_PREEMPTED): *done already counts earlier segments.
constexpr std::uint32_t preempted = 0x80000000u;
constexpr std::uint32_t requests_at_once = 16;
using pvmmu::units_per_segment;

/// A domain that a call is about. The caller itself needs no reference: it lives as long as its call.
class Party {
public:
    [[nodiscard]] static Party self(Call& call)
    {
        Party party;
        party.domain_ = &call.domain;
        return party;
    }
    [[nodiscard]] static Result<Party> find(Call& call, DomainId id)
    {
        Party party;
        if (id != domid_self && id != call.domain.id()) {
            party.held_ = TRY(domain::find_target(call.domain, id));
            party.domain_ = &*party.held_;
        } else {
            party.domain_ = &call.domain;
        }
        return party;
    }
    domain::Domain* operator->() const { return domain_; }
    domain::Domain& operator*() const { return *domain_; }
    explicit operator bool() const { return domain_ != nullptr; }

private:
    domain::DomainRef held_;
    domain::Domain* domain_ = nullptr;
};

/// Who owns the page tables and who owns the frames that new entries name.
struct Parties {
    Party tables;
    Party frames;
    DomainId frame_owner; ///< also DOMID_IO and DOMID_XEN, which are no domains
};

[[nodiscard]] Result<DomainId> decode_other_owner(Call& call, DomainId asked, Party& party)
{
    if (asked == domid_io || asked == domid_xen) {
        if (!call.domain.is_control())
            return fail(Errno::eperm);
        return asked;
    }
    party = TRY(Party::find(call, asked));
    return party->id();
}

[[nodiscard]] inline Result<DomainId> decode_frame_owner(Call& call, std::uint16_t id, Party& party)
{
    if (DomainId{id} != domid_self) [[unlikely]]
        return decode_other_owner(call, DomainId{id}, party);
    party = Party::self(call);
    return call.domain.id();
}

[[nodiscard]] Result<Parties> decode_parties(Call& call, std::uint32_t word)
{
    Parties parties;
    DomainId const owner = (word >> 16) ? DomainId{static_cast<std::uint16_t>((word >> 16) - 1)} : domid_self;
    parties.tables = TRY(Party::find(call, owner));
    parties.frame_owner = TRY(decode_frame_owner(call, static_cast<std::uint16_t>(word), parties.frames));
    return parties;
}

/// The table that the last request named. Under Space::lock its type holds as long as only leaves change.
struct TableCursor {
    Mfn table;
    unsigned level = 0; ///< 0: it is no table of the domain
};

/// MMU_MACHPHYS_UPDATE: the owner renumbers a frame.
[[nodiscard]] Status update_m2p(Parties& parties, xen::mmu_update const& request)
{
    Mfn const mfn = MachineAddress{request.ptr}.frame();
    TRY(mm::take_reference(mfn, parties.frame_owner));
    mm::set_m2p(mfn, Pfn{request.val});
    mm::drop_reference(mfn);
    return {};
}

/// A page-table write that hits memory which is no page table: an ordinary store.
[[nodiscard]] Status write_plain(domain::Domain& owner, MachineAddress address, std::uint64_t value)
{
    TRY(mm::take_writable(address.frame(), owner.id()));
    shared(direct_as<std::uint64_t>(address.frame())[address.offset() / 8]).store(value, relaxed);
    mm::drop_writable(address.frame());
    return {};
}

/// The level that the frame has as a validated table of the domain, or 0. Errno::einval: no RAM.
[[nodiscard]] Result<unsigned> level_of_table(pvmmu::Space const& space, Mfn table)
{
    mm::Frame const* const frame = mm::frames.find(table);
    if (!frame)
        return fail(Errno::einval);
    unsigned const level = mm::table_level(frame->load().type());
    return level && pvmmu::is_table(space, table, level) ? level : 0;
}

[[nodiscard, gnu::always_inline]] inline Result<Progress> apply(Parties& parties, xen::mmu_update const& request, TableCursor& cursor,
                                            Budget& budget)
{
    unsigned const command = request.ptr & 7;
    if (command == xen::MMU_MACHPHYS_UPDATE) {
        TRY(update_m2p(parties, request));
        return Progress::done;
    }
    if (command > xen::MMU_PT_UPDATE_NO_TRANSLATE)
        return fail(Errno::enosys);
    Preserve const preserve =
        command == xen::MMU_PT_UPDATE_PRESERVE_AD ? Preserve::accessed_dirty : Preserve::nothing;
    MachineAddress const address{request.ptr & ~7ull};
    domain::Domain& owner = *parties.tables;
    if (cursor.table != address.frame())
        cursor = {address.frame(), TRY(level_of_table(owner.space, address.frame()))};
    unsigned const level = cursor.level;
    pvmmu::EntryPlace const place{address.frame(), static_cast<unsigned>(address.offset() / 8)};
    if (level == 1) [[likely]] {
        TRY(pvmmu::write_leaf(owner.space, place, Entry{request.val}, parties.frame_owner, preserve));
        return Progress::done;
    }
    cursor = {};
    if (level == 0) {
        TRY(write_plain(owner, address, request.val));
        return Progress::done;
    }
    return pvmmu::write_table_entry(owner.space, place, level, Entry{request.val}, preserve, budget);
}

/// Progress of one segment through an array of requests.
struct Segment {
    std::uint64_t done = 0;
    Status status{};
    bool more = false;
};

/// Applies requests already copied in; stops at the first error or when the budget is used up.
[[gnu::always_inline]] inline void apply_chunk(Parties& parties, std::span<xen::mmu_update const> requests, Budget& budget, Segment& segment)
{
    pvmmu::Space& space = parties.tables->space;
    LockGuard guard(space.lock);
    if (parties.tables->life.load(acquire) != domain::LifeState::alive) { // teardown would not see what is done now
        segment.status = fail(Errno::esrch);
        return;
    }
    TableCursor cursor;
    for (xen::mmu_update const& request : requests) {
        if (pvmmu::drain(space, budget) == Progress::more || !budget.spend()) {
            segment.more = true;
            return;
        }
        auto const outcome = apply(parties, request, cursor, budget);
        if (!outcome) {
            segment.status = fail(outcome.error());
            break;
        }
        if (*outcome == Progress::more) {
            segment.more = true;
            return;
        }
        ++segment.done;
    }
    segment.more = pvmmu::drain(space, budget) == Progress::more;
}

/// Adds this segment's count to *done, which accumulates over segments.
[[nodiscard]] Status report_done(std::uint64_t handle, bool continued, std::uint64_t done)
{
    if (!handle)
        return {};
    std::uint32_t total = static_cast<std::uint32_t>(done);
    if (continued)
        total += TRY(guest::fetch<std::uint32_t>(handle));
    return guest::copy_out(handle, total);
}

/// The result of an array operation whose entry i is done, failed or to be continued.
[[nodiscard]] inline Outcome conclude(Call& call, Segment const& segment, std::uint32_t count, std::size_t element_size)
{
    if (segment.done == count && segment.status && !segment.more && !call[2]) [[likely]]
        return Outcome::ok();
    if (Status reported = report_done(call[2], call.narrow(1) & preempted, segment.done); !reported)
        return fail(reported.error());
    if (!segment.status)
        return fail(segment.status.error());
    bool const finished = segment.done == count && !segment.more;
    if (finished)
        return Outcome::ok();
    Arguments next = call.arguments();
    next[0] += segment.done * element_size;
    next[1] = (count - segment.done) | preempted;
    return Outcome::again(call, next);
}

/// One request, already copied in, on the caller's own tables: whatever it asks for.
[[nodiscard, gnu::noinline]] Outcome unusual_update(Call& call, xen::mmu_update const& request)
{
    Parties parties{Party::self(call), Party::self(call), call.domain.id()};
    Budget budget{units_per_segment};
    Segment segment;
    apply_chunk(parties, {&request, 1}, budget, segment);
    return conclude(call, segment, 1, sizeof(xen::mmu_update));
}

/// One request on the caller's own tables, most of all for a leaf.
[[nodiscard, gnu::noinline]] Outcome single_update(Call& call)
{
    xen::mmu_update request;
    TRY(guest::copy_in(request, call[0]));
    unsigned const command = request.ptr & 7;
    MachineAddress const address{request.ptr & ~7ull};
    domain::Domain& owner = call.domain;
    if (command == xen::MMU_NORMAL_PT_UPDATE || command == xen::MMU_PT_UPDATE_PRESERVE_AD) [[likely]] {
        Preserve const preserve =
            command == xen::MMU_PT_UPDATE_PRESERVE_AD ? Preserve::accessed_dirty : Preserve::nothing;
        LockGuard guard(owner.space.lock);
        bool const usual = owner.life.load(acquire) == domain::LifeState::alive && owner.space.unwinding_depth == 0 &&
                           pvmmu::is_leaf_table(owner.space, address.frame());
        if (usual) [[likely]] {
            pvmmu::EntryPlace const place{address.frame(), static_cast<unsigned>(address.offset() / 8)};
            Entry const value{request.val};
            TRY(pvmmu::modify_leaf(owner.space, place, owner.id(), [&](Entry old) { return pvmmu::detail::merged(value, old, preserve); }));
            return Outcome::ok();
        }
    }
    return unusual_update(call, request);
}

[[nodiscard, gnu::noinline]] Outcome many_updates(Call& call)
{
    std::uint32_t const count = call.narrow(1) & ~preempted;
    auto parties = decode_parties(call, call.narrow(3));
    if (!parties)
        return fail(parties.error());
    guest::Array<xen::mmu_update> const requests{call[0], count};
    Budget budget{units_per_segment};
    Segment segment;
    do {
        xen::mmu_update copied[requests_at_once];
        std::uint64_t const size = std::min<std::uint64_t>(requests_at_once, count - segment.done);
        if (Status read = requests.read(segment.done, copied, size); !read) {
            segment.status = read;
            break;
        }
        apply_chunk(*parties, {copied, size}, budget, segment);
    } while (segment.status && !segment.more && segment.done < count);
    call.spent = units_per_segment - budget.left();
    return conclude(call, segment, count, sizeof(xen::mmu_update));
}

} // namespace

Outcome mmu_update(Call& call)
{
    bool const usual = (call.narrow(1) & ~preempted) == 1 && call[2] == 0 && call.narrow(3) == domid_self.value;
    return usual ? single_update(call) : many_updates(call); // what kernels mostly ask for
}

namespace {

[[nodiscard, gnu::always_inline]] inline Outcome update_one_mapping(Call& call, DomainId target)
{
    GuestVirtual const address{call[0]};
    pvmmu::Space& space = call.domain.space;
    {
        LockGuard guard(space.lock);
        Budget budget{units_per_segment};
        if (pvmmu::drain(space, budget) == Progress::more)
            return Outcome::again(call);
        auto const place = pvmmu::find_entry(pvcpu::current_root(call.vcpu), address, 1);
        if (!place)
            return fail(place.error());
        if (Status written = pvmmu::write_leaf(space, *place, Entry{call[1]}, target, Preserve::nothing); !written)
            return fail(written.error());
    }
    return Outcome::of(flush_after_update(call, address, call[2]));
}

} // namespace

Outcome update_va_mapping(Call& call) { return update_one_mapping(call, call.domain.id()); }

Outcome update_va_mapping_otherdomain(Call& call)
{
    Party frames;
    auto const target = decode_frame_owner(call, static_cast<std::uint16_t>(call[3]), frames);
    return target ? update_one_mapping(call, *target) : fail(target.error());
}

namespace {

[[nodiscard]] Result<Progress> pin_or_unpin(domain::Domain& owner, xen::mmuext_op const& op, Budget& budget)
{
    Mfn const mfn{op.arg1.mfn};
    pvmmu::Space& space = owner.space;
    LockGuard guard(space.lock);
    if (pvmmu::drain(space, budget) == Progress::more)
        return Progress::more;
    if (op.cmd != xen::MMUEXT_UNPIN_TABLE && owner.life.load(acquire) != domain::LifeState::alive)
        return fail(Errno::esrch); // teardown would not see the pin
    if (op.cmd != xen::MMUEXT_UNPIN_TABLE)
        return pvmmu::pin(space, mfn, op.cmd - xen::MMUEXT_PIN_L1_TABLE + 1, budget);
    TRY(pvmmu::unpin(space, mfn));
    return Progress::done;
}

[[nodiscard]] Status clear_or_copy_page(DomainId owner, xen::mmuext_op const& op)
{
    Mfn const to{op.arg1.mfn};
    Mfn const from{op.arg2.src_mfn};
    bool const copies = op.cmd == xen::MMUEXT_COPY_PAGE;
    if (copies)
        TRY(mm::take_reference(from, owner));
    Status writable = mm::take_writable(to, owner);
    if (writable) {
        if (copies)
            std::memcpy(direct(to), direct(from), page_size);
        else
            std::memset(direct(to), 0, page_size);
        mm::drop_writable(to);
    }
    if (copies)
        mm::drop_reference(from);
    return writable;
}

[[nodiscard]] Result<Progress> apply_extended(Call& call, Party& owner, DomainId owner_id,
                                              xen::mmuext_op const& op, Budget& budget)
{
    switch (op.cmd) {
    case xen::MMUEXT_PIN_L1_TABLE:
    case xen::MMUEXT_PIN_L2_TABLE:
    case xen::MMUEXT_PIN_L3_TABLE:
    case xen::MMUEXT_PIN_L4_TABLE:
    case xen::MMUEXT_UNPIN_TABLE:
        if (!owner)
            return fail(Errno::einval);
        return pin_or_unpin(*owner, op, budget);
    case xen::MMUEXT_NEW_BASEPTR:
        return pvcpu::set_kernel_root(call.vcpu, Mfn{op.arg1.mfn}, budget);
    case xen::MMUEXT_NEW_USER_BASEPTR:
        return pvcpu::set_user_root(call.vcpu, op.arg1.mfn ? Mfn{op.arg1.mfn} : invalid_mfn, budget);
    case xen::MMUEXT_SET_LDT:
        if (pvcpu::judge_ldt(call.vcpu, op.arg1.linear_addr, op.arg2.nr_ents, budget) == Progress::more)
            return Progress::more;
        TRY(pvcpu::set_ldt(call.vcpu, op.arg1.linear_addr, op.arg2.nr_ents));
        return Progress::done;
    case xen::MMUEXT_CLEAR_PAGE:
    case xen::MMUEXT_COPY_PAGE:
        if (!owner) // the hypervisor's own frames are not written on anybody's behalf
            return fail(Errno::eperm);
        TRY(clear_or_copy_page(owner_id, op));
        return Progress::done;
    case xen::MMUEXT_MARK_SUPER:
    case xen::MMUEXT_UNMARK_SUPER:
        return fail(Errno::eopnotsupp);
    default:
        TRY(flush_operation(call, op));
        return Progress::done;
    }
}

[[nodiscard]] Progress finish_undoing(pvmmu::Space& space, Budget& budget)
{
    if (space.nothing_to_undo()) // what another vCPU of the domain leaves is that one's to finish
        return Progress::done;
    LockGuard guard(space.lock);
    return pvmmu::drain(space, budget);
}

} // namespace

namespace {

/// One operation, or the rest of one, on the caller's own tables.
[[nodiscard]] Outcome single_operation(Call& call)
{
    Budget budget{units_per_segment};
    Segment segment;
    segment.more = finish_undoing(call.domain.space, budget) == Progress::more;
    if (!segment.more) {
        xen::mmuext_op op;
        TRY(guest::copy_in(op, call[0]));
        Party owner = Party::self(call);
        auto const outcome = apply_extended(call, owner, call.domain.id(), op, budget);
        // What the operation let go is undone before the guest goes on.
        if (outcome && *outcome == Progress::done && finish_undoing(call.domain.space, budget) == Progress::done) [[likely]] {
            call.spent = units_per_segment - budget.left();
            return Outcome::ok();
        }
        segment.done = outcome && *outcome == Progress::done;
        segment.more = outcome || finish_undoing(call.domain.space, budget) == Progress::more;
        if (!outcome)
            segment.status = fail(outcome.error());
    }
    call.spent = units_per_segment - budget.left();
    return conclude(call, segment, 1, sizeof(xen::mmuext_op));
}

} // namespace

Outcome mmuext_op(Call& call)
{
    std::uint32_t const count = call.narrow(1) & ~preempted;
    if (count == 1 && call[2] == 0 && call.narrow(3) == domid_self.value) // what kernels mostly ask for
        return single_operation(call);
    Party owner;
    auto const owner_id = decode_frame_owner(call, static_cast<std::uint16_t>(call[3]), owner);
    if (!owner_id)
        return fail(owner_id.error());
    guest::Array<xen::mmuext_op> const operations{call[0], count};
    Budget budget{units_per_segment};
    Segment segment;
    pvmmu::Space& space = owner ? owner->space : call.domain.space;
    segment.more = finish_undoing(space, budget) == Progress::more;
    while (segment.status && !segment.more && segment.done < count) {
        xen::mmuext_op op;
        Status const read = operations.read(segment.done, op);
        auto const outcome = read ? apply_extended(call, owner, *owner_id, op, budget) : Result<Progress>{fail(read.error())};
        if (!outcome)
            segment.status = fail(outcome.error());
        else if (*outcome == Progress::more)
            segment.more = true;
        else
            ++segment.done;
        segment.more = segment.more || !budget.spend(8);
    }
    // What the last operation let go is undone before the guest goes on: it may use the frames for something else.
    if (!segment.more)
        segment.more = finish_undoing(space, budget) == Progress::more;
    call.spent = units_per_segment - budget.left();
    return conclude(call, segment, count, sizeof(xen::mmuext_op));
}

} // namespace rf::hypercall
