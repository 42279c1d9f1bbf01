// SPDX-License-Identifier: MIT
/// Fuzzer of hypercall sequences: three domains with two vCPUs and 64 pages each, whose moves are the input. To the moves of
/// the random walk (page tables, pins, grants, deaths) it adds event channels of both kinds, copies, exchanges, hypercalls
/// of any number with any arguments, copies that fault in the middle, and deaths that last while others go on.
/// After each hypercall every count is made again from scratch (audit/); now and then the page tables are walked as a
/// processor does, and both ends of every event channel must agree.
#include "harness/choices.hpp"
#include "harness/guest_memory.hpp"

#include "pvmmu/hostile_moves.hpp"
#include "xen/event.h"

namespace rf::fuzz {
namespace {

using namespace pvmmu_tests;

constexpr unsigned steps_of_one_input = 200;
/// Frames of a machine that three domains can exhaust, and that is audited quickly.
constexpr std::uint64_t small_machine = 2048;

class InputMoves final : public MoveSource {
public:
    explicit InputMoves(Bytes bytes) : choices(bytes) {}
    std::uint64_t bits() override { return choices.bits(); }
    std::uint64_t below(std::uint64_t limit) override { return choices.below(limit); }
    Choices choices;
};

class Play final : public HostileMoves {
public:
    explicit Play(Bytes bytes) : HostileMoves(moves_), moves_(bytes) { guest_memory.fault_after = 0; }

    void TestBody() override
    {
        audits = false;
        for (Guest* guest : guests_)
            start(*guest);
        audits = true;
        for (unsigned number = 0; number < steps_of_one_input && !moves_.choices.done() && !HasFailure(); ++number) {
            one_step();
            check_flushes();
            if (number % 16 == 15)
                look_around();
        }
        guest_memory.fault_after = 0;
        look_around();
    }

private:
    void look_around()
    {
        look_through_the_processors_eyes();
        check_channels();
        check_descriptors();
    }
    /// What a guest's segments may be loaded from lets nobody into an inner ring: present descriptors are code or data of
    /// ring 3, or gates that nobody may use, or the empty upper half of a long one.
    static void check_descriptors()
    {
        for (std::uint64_t number = 0; number < mm::frames.limit().value; ++number) {
            mm::Frame const* const frame = mm::frames.find(Mfn{number});
            if (!frame || frame->load().type() != FrameType::descriptor || !frame->load().validated() || frame->load().type_count() == 0)
                continue;
            for (unsigned i = 0; i < table_entries; ++i) {
                std::uint64_t const bits = slot(Mfn{number}, i);
                unsigned const ring = bits >> 45 & 3, type = bits >> 40 & 0xf;
                bool const present = bits >> 47 & 1, code_or_data = bits >> 44 & 1;
                ASSERT_TRUE(!present || (code_or_data && ring == 3) || (!code_or_data && (type == 0 || ring == 0)))
                    << "frame " << number << " slot " << i << ": " << std::hex << bits;
            }
        }
    }

    /// A processor may remember a writable translation of a frame until it forgets all. So between the last time that a
    /// frame was seen in writable use and the time that it is a table, a descriptor page or somebody else's, there must be
    /// a full flush; steps are the grain of time.
    void check_flushes()
    {
        std::uint32_t const now = cpu::flush_clock_now(), flushed = cpu::fake_tlb.flushed[0].load();
        for (std::uint64_t number = 0; number < small_machine; ++number) {
            mm::Frame const* const frame = mm::frames.find(Mfn{number});
            if (!frame)
                continue;
            Remembered& last = remembered_[number];
            mm::FrameState const state = frame->load();
            bool const in_use = state.type_count() > 0;
            bool const checked = in_use && (mm::table_level(state.type()) || state.type() == FrameType::descriptor);
            bool const other = state.references() > 0 && frame->owner_id() != last.owner;
            if (last.written && (checked || other)) {
                ASSERT_GT(flushed, last.clock) << "frame " << number << (checked ? " is relied on" : " has a new owner")
                                               << " and a processor may still write to it";
                last.written = false;
            }
            if (in_use && state.type() == FrameType::writable)
                last = {true, now, frame->owner_id()};
        }
    }

    void one_step()
    {
        Guest& guest = any_guest();
        if (!lives(guest))
            return die_on(guest);
        switch (roll(20)) {
        case 0 ... 7:
            return step_of(guest);
        case 8 ... 11:
            return event_move(guest);
        case 12:
            return copy_by_grant(guest);
        case 13:
            return use_grant_table(guest);
        case 14 ... 15:
            return change_memory(guest);
        case 16:
            return scribble(guest);
        case 17 ... 18:
            return anything(guest);
        default:
            if (roll(4) == 0)
                die_on(guest);
            else
                guest_memory.fault_after = 1 + roll(6);
        }
    }
    void step_of(Guest& guest)
    {
        static constexpr void (Play::*moves[])(Guest&) = {
            &Play::draw_something, &Play::change_entry,    &Play::extend_somehow,  &Play::map_somewhere,
            &Play::change_entry,   &Play::extend_somehow,  &Play::set_descriptors, &Play::grant_something,
            &Play::map_grant,      &Play::unmap_grant_of,  &Play::give_up_memory,  &Play::draw_long_table,
            &Play::begin_something, &Play::go_on,
        };
        (this->*moves[roll(std::size(moves))])(guest);
    }
    void unmap_grant_of(Guest&) { unmap_grant(); }

    [[nodiscard]] static bool lives(Guest const& guest)
    {
        return guest.domain && guest.domain->life.load() == domain::LifeState::alive;
    }
    /// A few steps of a destruction, begun here or earlier; the others go on between them.
    void die_on(Guest& guest)
    {
        if (!guest.domain)
            return;
        std::erase_if(mapped_, [&](Mapped const& mapping) { return mapping.user == &guest; });
        pending_.erase(&guest);
        Progress progress;
        {
            LockGuard guard(guest.domain->control_lock);
            Budget budget{least_budget + roll(200)};
            progress = domain::destroy_step(*guest.domain, budget);
        }
        audit_is_clean("in the middle of a death");
        if (progress == Progress::more)
            return;
        guest.domain = nullptr;
        domain::reap();
        replace_the_dead();
    }

    // ---- arguments in the arena, from its start

    template <class T>
    std::uint64_t put(T const& value, std::size_t offset = 0)
    {
        std::memcpy(guest_memory.arena.data() + offset, &value, sizeof value);
        return place(offset, sizeof value);
    }
    template <class T>
    [[nodiscard]] static T get(std::size_t offset = 0)
    {
        T value;
        std::memcpy(&value, guest_memory.arena.data() + offset, sizeof value);
        return value;
    }
    /// Mostly where it lies; else nowhere, or so that its end is cut off.
    std::uint64_t place(std::size_t offset, std::size_t bytes)
    {
        switch (roll(32)) {
        case 30:
            return roll(9);
        case 31:
            return guest_memory.address(GuestMemory::bytes - roll(static_cast<unsigned>(bytes) + 1));
        default:
            return guest_memory.address(offset);
        }
    }
    std::int64_t call(Guest& guest, hypercall::Handler handler, Arguments const& arguments)
    {
        return run(guest, handler, arguments, roll(2));
    }
    DomainId some_domain(Guest const& guest)
    {
        switch (roll(6)) {
        case 0:
            return domid_self;
        case 1:
            return DomainId{static_cast<std::uint16_t>(roll(0x1'0000))};
        case 2:
            return guest.id();
        default: {
            Guest const& other = any_guest();
            return other.domain ? other.id() : guest.id();
        }
        }
    }

    // ---- event channels

    Port some_port() { return roll(8) ? roll(12) : roll(2) ? roll(70) : static_cast<Port>(moves_.bits()); }
    VcpuId some_vcpu() { return roll(8) ? roll(2) : roll(70'000); }

    /// Mostly a port that another domain keeps for this one: few guesses would hit one.
    xen::evtchn_bind_interdomain some_offer(Guest const& guest)
    {
        Guest const& other = any_guest();
        if (roll(8) && other.domain)
            for (Port port = 1; port < 12; ++port)
                if (auto const state = other.domain->events.status(port);
                    state && state->status == xen::EVTCHNSTAT_unbound && state->u.unbound.dom == guest.id().value)
                    return {other.id().value, port, 0};
        return {some_domain(guest).value, some_port(), 0};
    }
    void event_move(Guest& guest)
    {
        switch (roll(16)) {
        case 0 ... 1:
            return event_op(guest, xen::EVTCHNOP_alloc_unbound,
                            xen::evtchn_alloc_unbound{some_domain(guest).value, some_domain(guest).value, 0});
        case 2 ... 3:
            return event_op(guest, xen::EVTCHNOP_bind_interdomain, some_offer(guest));
        case 4:
            return event_op(guest, xen::EVTCHNOP_bind_virq, xen::evtchn_bind_virq{roll(26), some_vcpu(), 0});
        case 5:
            return event_op(guest, xen::EVTCHNOP_bind_ipi, xen::evtchn_bind_ipi{some_vcpu(), 0});
        case 6:
            return event_op(guest, xen::EVTCHNOP_close, xen::evtchn_close{some_port()});
        case 7 ... 8:
            return event_op(guest, xen::EVTCHNOP_send, xen::evtchn_send{some_port()});
        case 9:
            return event_op(guest, xen::EVTCHNOP_unmask, xen::evtchn_unmask{some_port()});
        case 10:
            return event_op(guest, xen::EVTCHNOP_bind_vcpu, xen::evtchn_bind_vcpu{some_port(), some_vcpu()});
        case 11:
            return event_op(guest, xen::EVTCHNOP_set_priority, xen::evtchn_set_priority{some_port(), roll(18)});
        case 12:
            return event_op(guest, xen::EVTCHNOP_init_control,
                            xen::evtchn_init_control{some_frame(guest).value, roll(4) ? 8 * roll(512) : roll(8192), some_vcpu(), 0, {}});
        case 13:
            return event_op(guest, xen::EVTCHNOP_expand_array, xen::evtchn_expand_array{some_frame(guest).value});
        case 14:
            return guest.domain->events.raise_virq(roll(2), roll(xen::NR_VIRQS));
        default:
            if (roll(4) == 0)
                event_op(guest, xen::EVTCHNOP_reset, xen::evtchn_reset{some_domain(guest).value});
            else
                event_op(guest, xen::EVTCHNOP_status, xen::evtchn_status{some_domain(guest).value, some_port(), 0, 0, {}});
        }
    }
    template <class Argument>
    void event_op(Guest& guest, std::uint32_t command, Argument const& argument)
    {
        (void)call(guest, hypercall::event_channel_op, {command, put(argument)});
    }

    /// Both ends of a channel name each other, and nobody else does.
    void check_channels()
    {
        for (Guest* guest : guests_)
            if (guest->domain && lives(*guest))
                for (Port port = 1; port < 80; ++port)
                    check_channel(*guest, port);
    }
    static void check_channel(Guest& guest, Port port)
    {
        auto const near = guest.domain->events.status(port);
        if (!near || near->status != xen::EVTCHNSTAT_interdomain)
            return;
        auto const other = domain::find(DomainId{near->u.interdomain.dom});
        ASSERT_TRUE(other) << "a channel to nobody";
        auto const far = (*other)->events.status(near->u.interdomain.port);
        ASSERT_TRUE(far);
        ASSERT_EQ(far->status, xen::EVTCHNSTAT_interdomain);
        ASSERT_EQ(far->u.interdomain.dom, guest.id().value);
        ASSERT_EQ(far->u.interdomain.port, port);
    }

    // ---- grants

    xen::gnttab_copy_ptr copy_end(Guest const& guest, bool by_grant)
    {
        xen::gnttab_copy_ptr end{};
        if (by_grant)
            end.u.ref = roll(18);
        else
            end.u.gmfn = some_frame(guest).value;
        end.domid = by_grant || roll(4) == 0 ? some_domain(guest).value : domid_self.value;
        end.offset = static_cast<std::uint16_t>(roll(4) ? roll(4096) : roll(0x1'0000));
        return end;
    }
    void copy_by_grant(Guest& guest)
    {
        xen::gnttab_copy op{};
        op.flags = static_cast<std::uint16_t>(roll(8) ? 1 + roll(3) : roll(256));
        op.source = copy_end(guest, op.flags & xen::GNTCOPY_source_gref);
        op.dest = copy_end(guest, op.flags & xen::GNTCOPY_dest_gref);
        op.len = static_cast<std::uint16_t>(roll(4) ? roll(64) : roll(0x1'0000));
        // What is copied into a page table would be the hypervisor's own doing; the audit sees it.
        (void)call(guest, hypercall::grant_table_op, {xen::GNTTABOP_copy, put(op), 1});
    }
    void use_grant_table(Guest& guest)
    {
        constexpr std::size_t list = 512;
        switch (roll(4)) {
        case 0: {
            xen::gnttab_setup_table op{};
            op.dom = some_domain(guest).value;
            op.nr_frames = roll(7);
            op.frame_list.address = place(list, 64);
            return (void)call(guest, hypercall::grant_table_op, {xen::GNTTABOP_setup_table, put(op), 1});
        }
        case 1: {
            xen::gnttab_query_size op{};
            op.dom = some_domain(guest).value;
            return (void)call(guest, hypercall::grant_table_op, {xen::GNTTABOP_query_size, put(op), 1});
        }
        default:
            return map_several(guest);
        }
    }
    /// One hypercall that maps up to four grants; afterwards all or some of them go by one hypercall.
    void map_several(Guest& guest)
    {
        if (!runs(guest))
            return;
        unsigned const count = 1 + roll(4);
        for (unsigned i = 0; i < count; ++i) {
            xen::gnttab_map_grant_ref op{};
            op.host_addr = std::uint64_t{8 + roll(8)} << 12;
            op.flags = xen::GNTMAP_host_map | (roll(2) ? xen::GNTMAP_readonly : 0u) | (roll(3) ? 0u : xen::GNTMAP_device_map);
            op.ref = roll(18);
            op.dom = some_domain(guest).value;
            op.status = xen::GNTST_general_error;
            std::memcpy(guest_memory.arena.data() + i * sizeof op, &op, sizeof op);
        }
        std::size_t const bytes = count * sizeof(xen::gnttab_map_grant_ref);
        (void)run(guest, hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, place(0, bytes), count});
        for (unsigned i = 0; i < count; ++i) {
            auto const op = get<xen::gnttab_map_grant_ref>(i * sizeof(xen::gnttab_map_grant_ref));
            if (op.status == xen::GNTST_okay)
                mapped_.push_back({&guest, op});
        }
    }

    // ---- memory

    xen::xen_memory_reservation extents(Guest const& guest, std::size_t offset, bool machine)
    {
        unsigned const count = roll(5);
        for (unsigned i = 0; i < count; ++i) {
            std::uint64_t const value = machine ? some_frame(guest).value : roll(frames_each + 2);
            std::memcpy(guest_memory.arena.data() + offset + i * 8, &value, 8);
        }
        return {.extent_start = {place(offset, 40)},
                .nr_extents = roll(8) ? count : roll(2) ? ~0ull >> roll(64) : 0,
                .extent_order = roll(8) ? 0 : roll(14),
                .mem_flags = roll(4) ? 0u : roll(64),
                .domid = roll(4) ? domid_self.value : some_domain(guest).value};
    }
    void change_memory(Guest& guest)
    {
        constexpr std::size_t first_list = 1024, second_list = 2048;
        switch (roll(5)) {
        case 0:
            return (void)call(guest, hypercall::memory_op,
                              {xen::XENMEM_populate_physmap, put(extents(guest, first_list, false))});
        case 1:
            return (void)call(guest, hypercall::memory_op,
                              {xen::XENMEM_increase_reservation, put(extents(guest, first_list, false))});
        case 2:
            return (void)call(guest, hypercall::memory_op,
                              {xen::XENMEM_decrease_reservation, put(extents(guest, first_list, true))});
        case 3: {
            xen::xen_memory_exchange exchange{};
            exchange.in = extents(guest, first_list, true);
            exchange.out = extents(guest, second_list, false);
            return (void)call(guest, hypercall::memory_op, {xen::XENMEM_exchange, put(exchange)});
        }
        default:
            return (void)call(guest, hypercall::memory_op, {xen::XENMEM_claim_pages, put(extents(guest, first_list, true))});
        }
    }

    /// The guest writes where it may: a page of its own, its shared page, its grant entries.
    void scribble(Guest& guest)
    {
        std::uint64_t const value = roll(4) ? 1ull << roll(64) : moves_.bits();
        switch (roll(3)) {
        case 0:
            slot(guest.domain->shared_info_frame(), roll(512)) = value;
            break;
        case 1:
            slot(guest.domain->grants.frame(0).value(), roll(40)) = value;
            break;
        default:
            if (Mfn const frame = any_frame(guest); mm::take_writable(frame, guest.id())) {
                slot(frame, roll(512)) = value;
                mm::drop_writable(frame);
            }
        }
    }

    /// A hypercall of any kind with arguments of any kind.
    void anything(Guest& guest)
    {
        static constexpr hypercall::Handler handlers[] = {
            hypercall::mmu_update, hypercall::update_va_mapping, hypercall::update_va_mapping_otherdomain,
            hypercall::mmuext_op,  hypercall::memory_op,         hypercall::grant_table_op,
            hypercall::event_channel_op, hypercall::set_gdt,     hypercall::update_descriptor,
        };
        if (!runs(guest))
            return;
        hypercall::Handler const handler = handlers[roll(std::size(handlers))];
        Arguments arguments{};
        for (unsigned i = 0; i < 4; ++i)
            arguments[i] = any_word(guest);
        for (unsigned words = roll(12), i = 0; i < words; ++i) {
            std::uint64_t const word = any_word(guest);
            std::memcpy(guest_memory.arena.data() + i * 8, &word, 8);
        }
        guest_memory.only_arena = true;
        for (unsigned segment = 0; segment < 1000; ++segment) {
            auto const outcome = once(guest, handler, arguments);
            if (!outcome.is_again())
                break;
            arguments = outcome.next_arguments();
        }
        guest_memory.only_arena = false;
    }
    std::uint64_t any_word(Guest const& guest)
    {
        switch (roll(12)) {
        case 0 ... 2:
            return roll(16);
        case 3 ... 4:
            return guest_memory.address(8 * roll(16));
        case 5:
            return some_frame(guest).value;
        case 6:
            return entry(some_frame(guest), some_flags());
        case 7:
            return machine(likely_table(guest, 1 + roll(4)), roll(512)) | roll(4);
        case 8:
            return some_domain(guest).value | std::uint64_t{some_domain(guest).value} << 16;
        case 9:
            return std::uint64_t{roll(0x1'0000)} << roll(48);
        case 10:
            return ~std::uint64_t{roll(256)};
        default:
            return moves_.bits();
        }
    }

    struct Remembered {
        bool written = false;    ///< was in writable use, and perhaps is remembered so
        std::uint32_t clock = 0; ///< of flushes, then
        DomainId owner;
    };

    InputMoves moves_;
    std::vector<Remembered> remembered_ = std::vector<Remembered>(small_machine);
};

void run(Bytes bytes)
{
    testing_machine::ensure(small_machine);
    Play(bytes).TestBody();
    guest_memory.only_arena = false;
}

Registration const registration({"hypercalls", run, 60});

} // namespace
} // namespace rf::fuzz
