// SPDX-License-Identifier: MIT
#include "audit/auditor.hpp"

#include "base/address_map.hpp"
#include "mm/domain_memory.hpp"
#include "mm/frame_table.hpp"
#include "mm/hypervisor_space.hpp"

#include <algorithm>

namespace rf::audit {
namespace {

using mm::Frame;
using mm::FrameState;
using mm::FrameType;
using pvmmu::Entry;

[[nodiscard]] Entry entry_at(Mfn table, unsigned index)
{
    return Entry{shared(direct_as<std::uint64_t>(table)[index]).load(relaxed)};
}

[[nodiscard]] bool is_hypervisor_slot(unsigned level, unsigned index)
{
    return level == 4 && index >= address_map::first_hypervisor_slot && index <= address_map::last_hypervisor_slot;
}

/// How many entries of a table hold what they name: all, or those that validation has passed or undoing has not reached.
[[nodiscard]] unsigned holding_entries(Frame const& frame)
{
    FrameState const state = frame.load();
    return state.partial() ? std::min(state.field(), static_cast<std::uint32_t>(table_entries)) : table_entries;
}

/// A writable use leaves a frame that the hypervisor shares with its owner the shared frame that it is.
[[nodiscard]] bool agree(FrameType stored, FrameType counted)
{
    return stored == counted || (stored == FrameType::shared && counted == FrameType::writable);
}

} // namespace

bool Auditor::run()
{
    realm_.enter_holders(ledger_);
    enter_states();
    for (unsigned level = 4; level > 0; --level)
        walk_level(level);
    realm_.for_each_view([](Realm::View const& view, void* self) { static_cast<Auditor*>(self)->check_view(view); }, this);
    compare();
    auto const totals = realm_.totals();
    expect("frames of the domains", invalid_mfn, totals.owned, seen_.owned);
    expect("pages of the domains", invalid_mfn, totals.pages, seen_.pages);
    return clean_;
}

/// Holders that exist only in the frame's own word.
void Auditor::enter_states()
{
    for (Mfn mfn{0}; mfn < Mfn{ledger_.size()}; ++mfn) {
        Frame const* frame = mm::frames.find(mfn);
        if (!frame)
            continue;
        FrameState const state = frame->load();
        if (state.unheld())
            continue;
        first_ = end_ == Mfn{0} ? mfn : first_;
        end_ = mfn + 1;
        bool const is_table = mm::table_level(state.type()) != 0;
        if (state.pinned() && is_table)
            ledger_.use(mfn, state.type());
        else if (state.pinned())
            complain("a pinned frame is no page table", mfn, static_cast<std::uint64_t>(state.type()));
        if (state.partial() && !is_table)
            complain("a partial frame is no page table", mfn, static_cast<std::uint64_t>(state.type()));
        else if (state.partial() && state.unwinding())
            ledger_.reference(mfn); // of the undoing
        else if (state.partial())
            ledger_.use(mfn, state.type()); // of the validation itself
        if (state.counted() && state.type_count() == 0)
            complain("a frame has no uses and is not idle", mfn);
        if (state.partial() && state.validated())
            complain("a frame is partial and validated", mfn);
    }
}

void Auditor::walk_level(unsigned level)
{
    FrameType const type = mm::table_type(level);
    for (Mfn mfn = first_; mfn < end_; ++mfn) {
        Frame const* frame = mm::frames.find(mfn);
        if (!frame)
            continue;
        FrameState const state = frame->load();
        bool const used = ledger_[mfn].uses && ledger_[mfn].kind == type;
        bool const typed = state.type() == type && (state.validated() || state.partial());
        if (used && !typed)
            complain("a page table in use is not validated", mfn, static_cast<std::uint64_t>(state.type()), level);
        else if (used || (typed && state.unwinding()))
            walk_table(mfn, level);
    }
}

void Auditor::walk_table(Mfn table, unsigned level)
{
    Frame const& frame = mm::frames[table];
    Owner const* owner = realm_.find(frame.owner_id());
    if (!owner)
        return complain("a page table belongs to no domain", table, frame.owner_id().value);
    ++tables_;
    unsigned const holding = holding_entries(frame);
    for (unsigned index = 0; index < holding; ++index) {
        Entry const entry = entry_at(table, index);
        if (is_hypervisor_slot(level, index) || !entry.is_present())
            continue;
        ++entries_;
        if (level == 1)
            enter_leaf(*owner, table, entry);
        else
            enter_table_entry(*owner, table, level, entry);
    }
    if (level == 4 && !frame.load().partial())
        check_hypervisor_slots(*owner, table);
}

void Auditor::enter_table_entry(Owner const& owner, Mfn table, unsigned level, Entry entry)
{
    Frame const* target = mm::frames.find(entry.frame());
    if (!target)
        return complain("an entry names a page table that is no memory", table, entry.bits());
    if (target->owner_id() != owner.space->id)
        complain("an entry names a page table of another domain", table, entry.bits());
    if (entry.has(Entry::large | Entry::cache_disable | Entry::write_through | Entry::global))
        complain("an entry above level 1 has forbidden bits", table, entry.bits());
    ledger_.use(entry.frame(), mm::table_type(level - 1));
}

void Auditor::enter_leaf(Owner const& owner, Mfn table, Entry entry)
{
    if (entry.frame().value >= pvmmu::entry_limits.frame_limit)
        return complain("an entry names a frame that cannot be", table, entry.bits());
    Frame const* target = mm::frames.find(entry.frame());
    if (!target)
        return; // device memory is not counted
    if (!entry.has(Entry::user))
        complain("an entry maps memory out of the guest's reach", table, entry.bits());
    if (target->owner_id() == domid_xen && (entry.is_writable() || !mm::is_m2p_frame(entry.frame())))
        complain("an entry maps the hypervisor's memory", table, entry.bits());
    bool const foreign = target->owner_id() != owner.space->id;
    if (foreign && !owner.may_map_others && ledger_[entry.frame()].grants == 0)
        complain("an entry maps another domain's memory without a grant", table, entry.bits());
    if (entry.is_writable())
        ledger_.use(entry.frame(), FrameType::writable);
    else
        ledger_.reference(entry.frame());
}

void Auditor::check_hypervisor_slots(Owner const& owner, Mfn table)
{
    constexpr unsigned area_slot = pvmmu::table_index(address_map::domain_area, 4);
    for (unsigned slot = address_map::first_hypervisor_slot; slot <= address_map::last_hypervisor_slot; ++slot) {
        Entry const entry = entry_at(table, slot);
        Entry const expected{pvmmu::shared_slots[slot - address_map::first_hypervisor_slot]};
        bool right = (entry.bits() | Entry::accessed) == (expected.bits() | Entry::accessed);
        if (slot == area_slot && owner.space->domain_area.valid())
            right = entry.is_present() && entry.frame() == owner.space->domain_area && !entry.has(Entry::user);
        if (!right)
            complain("a root does not hold the hypervisor's own entries", table, entry.bits(), slot);
    }
}

/// Guests that are kept apart see in their view what their root holds, and of the hypervisor what every guest may read,
/// their own descriptor tables, and the doors.
void Auditor::check_view(Realm::View const& view)
{
    if (view.shown != view.root)
        return complain("a view does not follow its vCPU's root", view.page, view.shown.value, view.root.value);
    constexpr std::uint64_t set_by_processor = Entry::accessed | Entry::dirty;
    constexpr unsigned doors = pvmmu::table_index(address_map::image, 4);
    for (unsigned slot = 0; slot < table_entries; ++slot) {
        bool const ours = slot >= address_map::first_hypervisor_slot && slot <= address_map::last_hypervisor_slot;
        if (slot == doors || (!view.root.valid() && ours))
            continue;
        bool const hidden = ours && slot != address_map::first_hypervisor_slot &&
                            slot != pvmmu::table_index(address_map::domain_area, 4);
        std::uint64_t const expected = hidden || !view.root.valid() ? 0 : entry_at(view.root, slot).bits();
        std::uint64_t const seen = entry_at(view.page, slot).bits();
        if (seen != expected && (seen | set_by_processor) != (expected | set_by_processor))
            complain(ours ? "a view shows what is the hypervisor's" : "a view differs from its root", view.page, seen, expected);
    }
}

void Auditor::compare()
{
    for (Mfn mfn{0}; mfn < Mfn{ledger_.size()}; ++mfn) {
        Frame const* frame = mm::frames.find(mfn);
        if (!frame)
            continue;
        Account const& account = ledger_[mfn];
        if (account.mixed)
            complain("a frame is in use as two kinds at once", mfn, static_cast<std::uint64_t>(frame->load().type()));
        compare_counts(mfn, *frame);
    }
}

void Auditor::compare_counts(Mfn mfn, Frame const& frame)
{
    Account const& account = ledger_[mfn];
    FrameState const state = frame.load();
    DomainId const owner = frame.owner_id();
    if (owner == domid_xen) {
        // Boot gives some of the hypervisor's frames a reference of their own.
        bool const one_more = state.references() == account.references + 1ull;
        expect("references of the hypervisor's frame", mfn, state.references(), account.references + (one_more ? 1 : 0));
        return expect("uses of the hypervisor's frame", mfn, state.type_count(), 0);
    }
    if (owner >= domid_first_reserved || !realm_.find(owner)) {
        expect("references of a frame that nobody owns", mfn, state.references(), 0);
        return expect("holders of a frame that nobody owns", mfn, 0, account.references);
    }
    ++seen_.owned;
    seen_.pages += state.type() != FrameType::shared;
    expect("references", mfn, state.references(), account.references + (state.allocated() ? 1ull : 0));
    expect("uses", mfn, state.type_count(), account.uses);
    if (state.references() == 0)
        complain("a domain owns a frame without references", mfn, owner.value);
    if (account.uses && !agree(state.type(), account.kind))
        complain("type", mfn, static_cast<std::uint64_t>(state.type()), static_cast<std::uint64_t>(account.kind));
}

void Auditor::expect(std::string_view what, Mfn frame, std::uint64_t stored, std::uint64_t counted)
{
    if (stored != counted)
        complain(what, frame, stored, counted);
}

void Auditor::complain(std::string_view what, Mfn frame, std::uint64_t stored, std::uint64_t counted)
{
    clean_ = false;
    findings_.add({what, frame, stored, counted});
}

} // namespace rf::audit
