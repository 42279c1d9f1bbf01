// SPDX-License-Identifier: MIT
#pragma once
/// Three domains with two vCPUs and 64 pages each do what comes to a hostile mind: hypercalls of the memory and grant kind,
/// half of them shaped like sensible ones, half at random, some abandoned in the middle. What happens next is told by a
/// MoveSource. After each step the audit counts everything.
#include "world.hpp"

#include <map>
#include <memory>

namespace rf::pvmmu_tests {

/// Where moves come from: a generator of random numbers with a seed, or the bytes that a fuzzer made.
class MoveSource {
public:
    /// Any 64 bits.
    [[nodiscard]] virtual std::uint64_t bits() = 0;
    /// A number below `limit`, which is not 0.
    [[nodiscard]] virtual std::uint64_t below(std::uint64_t limit) { return bits() % limit; }

protected:
    ~MoveSource() = default;
};

class HostileMoves : public World {
protected:
    struct Mapped {
        Guest* user;
        xen::gnttab_map_grant_ref request;
    };
    /// A hypercall that was interrupted, and its arguments, which must stay where they are.
    struct Pending {
        hypercall::Handler handler;
        Arguments arguments;
        std::shared_ptr<xen::mmuext_op> op;
    };

    /// Units that every step of a destruction can go on with.
    static constexpr std::uint32_t least_budget = 8;

    explicit HostileMoves(MoveSource& source) : source_(source) {}

    unsigned roll(unsigned limit) { return static_cast<unsigned>(source_.below(limit)); }
    /// It lives, and vCPU `vcpu` has page tables: hypercalls that walk them may come from it.
    [[nodiscard]] static bool runs(Guest const& guest, VcpuId vcpu = 0)
    {
        return guest.domain && guest.domain->life.load() == domain::LifeState::alive &&
               guest.vcpu(vcpu).pv.kernel_root.valid();
    }
    Guest& any_guest() { return *guests_[roll(3)]; }
    Mfn any_frame(Guest const& guest) { return guest[roll(frames_each)]; }
    /// Mostly the guest's own; now and then anything.
    Mfn some_frame(Guest const& guest)
    {
        switch (roll(20)) {
        case 0:
            return any_frame(any_guest());
        case 1:
            return guest.domain->shared_info_frame();
        case 2:
            return Mfn{roll(20'000)};
        default:
            return any_frame(guest);
        }
    }
    std::uint64_t some_flags()
    {
        static constexpr std::uint64_t sensible[] = {0, readable, read_write, Entry::present, Entry::present | Entry::writable,
                                                     readable | Entry::no_execute, read_write | Entry::guest_kernel};
        return roll(8) ? sensible[roll(std::size(sensible))] : source_.bits() & 0xfff;
    }
    /// Frames by level: what the guests use as tables.
    Mfn likely_table(Guest const& guest, unsigned level) { return guest[(4 - level) * 6 + roll(6)]; }

    void draw_something(Guest& guest)
    {
        // Only ordinary memory can be written as bytes.
        Mfn const frame = likely_table(guest, 1 + roll(4));
        if (!mm::take_writable(frame, guest.id()))
            return;
        unsigned const level = 1 + roll(4);
        for (unsigned i = 0; i < table_entries; ++i)
            slot(frame, i) = 0;
        for (unsigned i = roll(6); i > 0; --i) {
            Mfn const target = level == 1 ? some_frame(guest) : likely_table(guest, level - 1);
            slot(frame, roll(4) ? roll(8) : roll(512)) = entry(target, level == 1 ? some_flags() : link);
        }
        mm::drop_writable(frame);
    }
    void change_entry(Guest& guest)
    {
        unsigned const level = 1 + roll(4);
        Mfn const table = roll(8) ? likely_table(guest, level) : some_frame(guest);
        std::uint64_t value = entry(level == 1 ? some_frame(guest) : likely_table(guest, level - 1), some_flags());
        if (roll(3) == 0)
            value = 0;
        unsigned const index = roll(4) ? roll(8) : roll(512);
        (void)write(guest, table, index, value, foreign(guest), roll(8) ? xen::MMU_NORMAL_PT_UPDATE : roll(8));
    }
    std::uint32_t foreign(Guest const& guest)
    {
        if (guest.id() != domain_zero || roll(2))
            return domid_self.value;
        return any_guest().id().value;
    }
    void extend_somehow(Guest& guest)
    {
        static constexpr std::uint32_t commands[] = {
            xen::MMUEXT_PIN_L1_TABLE, xen::MMUEXT_PIN_L2_TABLE, xen::MMUEXT_PIN_L3_TABLE,     xen::MMUEXT_PIN_L4_TABLE,
            xen::MMUEXT_PIN_L4_TABLE, xen::MMUEXT_UNPIN_TABLE,  xen::MMUEXT_UNPIN_TABLE,      xen::MMUEXT_NEW_BASEPTR,
            xen::MMUEXT_CLEAR_PAGE,   xen::MMUEXT_COPY_PAGE,    xen::MMUEXT_NEW_USER_BASEPTR, xen::MMUEXT_SET_LDT,
        };
        std::uint32_t const command = commands[roll(std::size(commands))];
        unsigned const level = command <= xen::MMUEXT_PIN_L4_TABLE ? command + 1 : 1 + roll(4);
        bool const root = command == xen::MMUEXT_NEW_BASEPTR || command == xen::MMUEXT_NEW_USER_BASEPTR;
        Mfn const frame = roll(5) ? likely_table(guest, root ? 4 : level) : some_frame(guest);
        auto op = extended(command, frame.value, any_frame(guest).value);
        if (command == xen::MMUEXT_SET_LDT)
            op = extended(command, roll(64) * page_size, roll(9000));
        VcpuId const caller = roll(2);
        if (!root && !runs(guest, caller))
            return; // it does not run
        (void)extend(guest, op, caller, roll(8) ? domid_self.value : foreign(guest));
    }
    void map_somewhere(Guest& guest)
    {
        if (!runs(guest))
            return;
        std::uint64_t const where = std::uint64_t{roll(8)} << 12 | std::uint64_t{roll(3)} << 21;
        if (roll(3) || guest.id() != domain_zero)
            (void)map(guest, where, roll(3) ? entry(some_frame(guest), some_flags()) : 0);
        else {
            Guest const& other = any_guest();
            (void)map_other(guest, where, entry(some_frame(other), some_flags()), other.id());
        }
    }
    void set_descriptors(Guest& guest)
    {
        std::uint64_t const frames[] = {some_frame(guest).value, some_frame(guest).value, some_frame(guest).value};
        if (roll(3))
            (void)run(guest, hypercall::set_gdt, {address(frames), roll(4) * 512}, roll(2));
        else
            (void)run(guest, hypercall::update_descriptor, {machine(some_frame(guest), roll(512)), source_.bits()});
    }
    void grant_something(Guest& guest)
    {
        Mfn const table = guest.domain->grants.frame(0).value();
        direct_as<xen::grant_entry_v1>(table)[roll(16)] = {
            static_cast<std::uint16_t>(roll(6) ? (roll(2) ? xen::GTF_permit_access : xen::GTF_permit_access | xen::GTF_readonly)
                                               : source_.bits()),
            any_guest().id().value, static_cast<std::uint32_t>(some_frame(guest).value)};
    }
    void map_grant(Guest& guest)
    {
        if (!runs(guest))
            return;
        xen::gnttab_map_grant_ref request{};
        request.flags = xen::GNTMAP_host_map | (roll(2) ? xen::GNTMAP_readonly : 0u) |
                        (roll(3) ? 0u : xen::GNTMAP_device_map) | (roll(3) ? 0u : xen::GNTMAP_contains_pte);
        request.host_addr = request.flags & xen::GNTMAP_contains_pte
                                ? machine(likely_table(guest, 1), roll(8)) + (roll(9) ? 0 : 4)
                                : std::uint64_t{roll(8)} << 12;
        request.ref = roll(18);
        request.dom = any_guest().id().value;
        (void)run(guest, hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, address(&request), 1});
        if (request.status == xen::GNTST_okay)
            mapped_.push_back({&guest, request});
    }
    void unmap_grant()
    {
        if (mapped_.empty())
            return;
        std::size_t const which = roll(static_cast<unsigned>(mapped_.size()));
        Mapped const& mapping = mapped_[which];
        Guest& caller = roll(10) ? *mapping.user : any_guest();
        if (!runs(caller))
            return;
        xen::gnttab_unmap_grant_ref request{mapping.request.host_addr, roll(2) ? mapping.request.dev_bus_addr : 0,
                                            mapping.request.handle, 0};
        (void)run(caller, hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(&request), 1});
        if (request.status == xen::GNTST_okay && &caller == mapping.user && roll(2))
            mapped_.erase(mapped_.begin() + static_cast<std::ptrdiff_t>(which));
    }
    void give_up_memory(Guest& guest)
    {
        std::size_t const which = roll(frames_each);
        std::vector<std::uint64_t> list{guest[which].value};
        auto reservation = xen::xen_memory_reservation{
            .extent_start = {address(list.data())}, .nr_extents = 1, .extent_order = 0, .mem_flags = 0, .domid = domid_self.value};
        (void)run(guest, hypercall::memory_op, {xen::XENMEM_decrease_reservation, address(&reservation)});
        list[0] = which;
        if (run(guest, hypercall::memory_op, {xen::XENMEM_populate_physmap, address(&reservation)}) == 1)
            guest.frames[which] = Mfn{list[0]};
    }
    /// Begins a long pin and comes back to it later, or never.
    void begin_something(Guest& guest)
    {
        auto op = std::make_shared<xen::mmuext_op>(
            extended(xen::MMUEXT_PIN_L1_TABLE + roll(5), likely_table(guest, 1 + roll(4)).value));
        auto const outcome = once(guest, hypercall::mmuext_op, {address(op.get()), 1, 0, domid_self.value});
        if (outcome.is_again())
            pending_.insert_or_assign(&guest, Pending{hypercall::mmuext_op, outcome.next_arguments(), op});
    }
    void draw_long_table(Guest& guest)
    {
        Mfn const frame = likely_table(guest, 1);
        if (!mm::take_writable(frame, guest.id()))
            return;
        for (unsigned i = 0; i < table_entries; ++i)
            slot(frame, i) = entry(guest[40 + i % 20], i % 2 ? readable : read_write);
        mm::drop_writable(frame);
    }
    void go_on(Guest& guest)
    {
        auto const found = pending_.find(&guest);
        if (found == pending_.end())
            return;
        auto const outcome = once(guest, found->second.handler, found->second.arguments);
        if (outcome.is_again())
            found->second.arguments = outcome.next_arguments();
        else
            pending_.erase(found);
    }
    void kill(Guest& guest)
    {
        std::erase_if(mapped_, [&](Mapped const& mapping) { return mapping.user == &guest; });
        pending_.erase(&guest);
        destroy(guest, least_budget + roll(2000));
        audit_is_clean("after a death");
        domain::reap();
    }
    /// Makes a new domain for each that is gone. If others still hold frames of a dead one, they die too; then it must be gone.
    void replace_the_dead()
    {
        static constexpr DomainId ids[] = {domain_zero, DomainId{9}, DomainId{10}};
        for (unsigned i = 0; i < 3; ++i)
            for (Guest* other : guests_)
                if (!guests_[i]->domain && other->domain && domain::find(ids[i]))
                    kill(*other);
        for (unsigned i = 0; i < 3; ++i)
            if (!guests_[i]->domain) {
                ASSERT_FALSE(domain::find(ids[i])) << "nobody holds its frames, and it is still there";
                *guests_[i] = make(ids[i], i == 0 ? domain::Role::control : domain::Role::guest);
            }
    }
    /// A domain dies and its id is used again.
    void rebirth(Guest& guest)
    {
        kill(guest);
        replace_the_dead();
    }

    void step()
    {
        Guest& guest = any_guest();
        switch (roll(100)) {
        case 0 ... 19:
            return draw_something(guest);
        case 20 ... 39:
            return change_entry(guest);
        case 40 ... 59:
            return extend_somehow(guest);
        case 60 ... 69:
            return map_somewhere(guest);
        case 70 ... 74:
            return set_descriptors(guest);
        case 75 ... 79:
            return grant_something(guest);
        case 80 ... 86:
            return map_grant(guest);
        case 87 ... 89:
            return unmap_grant();
        case 90 ... 91:
            return give_up_memory(guest);
        case 92 ... 93:
            return draw_long_table(guest);
        case 94 ... 96:
            return begin_something(guest);
        case 97 ... 98:
            return go_on(guest);
        default:
            if (roll(8) == 0)
                rebirth(guest);
        }
    }

    /// What must hold whatever was done, said without counts: nobody can write to a page table or descriptor page, and
    /// nobody sees memory that is neither its own nor granted (Dom0 excepted). Found by walking as the processor does.
    void look_through_the_processors_eyes()
    {
        for (Guest* guest : guests_)
            for (VcpuId id = 0; id < 2; ++id)
                for (Mfn root : {guest->vcpu(id).pv.kernel_root, guest->vcpu(id).pv.user_root})
                    if (root.valid())
                        look_below(*guest, root, 4);
    }
    void look_below(Guest const& guest, Mfn table, unsigned level)
    {
        auto const type = state(table).type();
        ASSERT_EQ(mm::table_level(type), level);
        for (unsigned i = 0; i < table_entries; ++i) {
            Entry const entry{slot(table, i)};
            if (!entry.is_present() || (level == 4 && i >= 256 && i <= 271))
                continue;
            mm::Frame const* frame = mm::frames.find(entry.frame());
            ASSERT_NE(frame, nullptr);
            if (level > 1) {
                look_below(guest, entry.frame(), level - 1);
            } else {
                if (guest.id() != domain_zero) {
                    ASSERT_TRUE(frame->owner_id() == guest.id() || granted(entry.frame()))
                        << "d" << guest.id().value << " sees frame " << entry.frame().value;
                }
                ASSERT_FALSE(entry.is_writable() && (mm::table_level(frame->load().type()) ||
                                                     frame->load().type() == FrameType::descriptor));
            }
        }
    }
    [[nodiscard]] bool granted(Mfn mfn) const
    {
        bool found = false;
        for (Guest* guest : guests_)
            guest->domain->grants.for_each_mapping([&](Mfn mapped, grant::Access) { found = found || mapped == mfn; });
        return found;
    }

    MoveSource& source_;
    std::array<Guest*, 3> guests_{&dom0, &a, &b};
    std::vector<Mapped> mapped_;
    std::map<Guest*, Pending> pending_;
};

} // namespace rf::pvmmu_tests
