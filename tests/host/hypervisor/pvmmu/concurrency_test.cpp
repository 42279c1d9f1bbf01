// SPDX-License-Identifier: MIT
// Two vCPUs of one domain, each on a processor of its own, change page tables, pins, roots, descriptor tables and grant mappings
// over the same few frames, while a third processor ends, again and again, another domain whose frames they have mapped, and makes
// a new one. Whenever all three rest, the audit counts everything; and no life leaves anything behind.
//
// RF_CONCURRENCY_STEPS: moves of each vCPU between two rests (default 600). `make tsan` runs this under ThreadSanitizer.
#include "world.hpp"
#include "xen/grant.h"

#include <cstdlib>
#include <random>
#include <thread>

namespace rf::pvmmu_tests {
namespace {

constexpr std::uint32_t first_ref = 8, granted_frames = 24;

/// One vCPU with its random mind. `other` is the domain that comes and goes.
class Mind {
public:
    Mind(Guest& self, VcpuId vcpu, std::atomic<std::uint16_t> const& other, std::atomic<std::uint64_t> const& others_first)
        : self_(self), vcpu_(self.vcpu(vcpu)), other_(other), others_first_(others_first), random_(vcpu + 1),
          spare_(self[self.frames.size() - 1 - vcpu])
    {
    }

    void play(unsigned moves)
    {
        while (moves-- > 0)
            move();
    }
    void unmap_all()
    {
        while (!mapped_.empty())
            unmap_grant();
    }
    [[nodiscard]] unsigned successes() const { return successes_; }
    [[nodiscard]] unsigned mappings() const { return mappings_; }

private:
    unsigned roll(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
    Mfn any_frame() { return self_[roll(static_cast<unsigned>(self_.frames.size()))]; }
    Mfn table_of(unsigned level) { return self_[(4 - level) * 6 + roll(6)]; }
    Mfn frame_of_other() { return Mfn{others_first_.load(relaxed) + roll(64)}; }

    std::int64_t run(hypercall::Handler handler, Arguments arguments)
    {
        cpu::stack_top().current = &vcpu_;
        for (unsigned segments = 0; segments < 100'000; ++segments) {
            auto const outcome = run_segment(vcpu_, *self_.domain, handler, arguments);
            if (!outcome.is_again()) {
                successes_ += outcome.result() >= 0;
                return outcome.result();
            }
            arguments = outcome.next_arguments();
        }
        ADD_FAILURE() << "a hypercall goes on for ever";
        return 0;
    }
    static std::uint64_t address(void const* object) { return reinterpret_cast<std::uint64_t>(object); }
    std::int64_t extend(std::uint32_t command, std::uint64_t first, std::uint64_t second = 0, std::uint64_t owner = domid_self.value)
    {
        xen::mmuext_op op{};
        op.cmd = command;
        op.arg1.mfn = first;
        op.arg2.src_mfn = second;
        return run(hypercall::mmuext_op, {address(&op), 1, 0, owner});
    }

    /// A page table's bytes, stored as the guest does it: through a writable mapping.
    void draw()
    {
        unsigned const level = 1 + roll(4);
        Mfn const frame = table_of(level);
        if (!mm::take_writable(frame, self_.id()))
            return;
        for (unsigned i = 0; i < table_entries; ++i)
            shared(slot(frame, i)).store(0, relaxed);
        for (unsigned i = roll(10); i > 0; --i)
            shared(slot(frame, roll(table_entries))).store(entry(level == 1 ? any_frame() : table_of(level - 1), some_flags()), relaxed);
        mm::drop_writable(frame);
    }
    std::uint64_t some_flags() { return roll(3) ? read_write : roll(8) ? readable : random_() & 0xfff; }

    void change_entries()
    {
        xen::mmu_update requests[4];
        for (xen::mmu_update& request : requests) {
            unsigned const level = 1 + roll(4);
            request.ptr = machine(table_of(level), roll(4) ? roll(8) : roll(512)) | (roll(4) ? xen::MMU_NORMAL_PT_UPDATE : xen::MMU_PT_UPDATE_PRESERVE_AD);
            request.val = roll(4) ? entry(level == 1 ? any_frame() : table_of(level - 1), some_flags()) : 0;
        }
        (void)run(hypercall::mmu_update, {address(requests), 1 + roll(4), 0, domid_self.value});
    }
    void map_foreign()
    {
        std::uint16_t const owner = other_.load(relaxed);
        std::uint64_t const value = entry(frame_of_other(), some_flags());
        if (roll(2))
            (void)run(hypercall::update_va_mapping_otherdomain, {(40 + roll(8)) * page_size, value, 0, owner});
        else {
            xen::mmu_update const request{machine(table_of(1), roll(8)), value};
            (void)run(hypercall::mmu_update, {address(&request), 1, 0, owner});
        }
    }
    void map_grant()
    {
        std::array<xen::gnttab_map_grant_ref, 4> requests{};
        unsigned const count = 1 + roll(static_cast<unsigned>(requests.size()));
        for (auto& request : requests) {
            request.flags = xen::GNTMAP_host_map | (roll(2) ? xen::GNTMAP_readonly : 0u) | (roll(3) ? 0u : xen::GNTMAP_contains_pte);
            request.host_addr = request.flags & xen::GNTMAP_contains_pte ? machine(table_of(1), roll(8)) : (32 + roll(8)) * page_size;
            request.ref = first_ref + roll(granted_frames);
            request.dom = other_.load(relaxed);
        }
        (void)run(hypercall::grant_table_op, {xen::GNTTABOP_map_grant_ref, address(requests.data()), count});
        for (unsigned i = 0; i < count; ++i)
            if (requests[i].status == xen::GNTST_okay) {
                ++mappings_;
                mapped_.push_back(requests[i]);
            }
    }
    void unmap_grant()
    {
        std::array<xen::gnttab_unmap_grant_ref, 4> requests{};
        unsigned count = 0;
        for (unsigned const most = 1 + roll(static_cast<unsigned>(requests.size())); count < most && !mapped_.empty(); ++count) {
            std::swap(mapped_[roll(static_cast<unsigned>(mapped_.size()))], mapped_.back());
            requests[count] = {mapped_.back().host_addr, 0, mapped_.back().handle, 0};
            mapped_.pop_back();
        }
        (void)run(hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(requests.data()), count});
        for (unsigned i = 0; i < count; ++i)
            if (requests[i].status != xen::GNTST_okay) { // the entry was overwritten: without it
                requests[i].host_addr = 0;
                requests[i].dev_bus_addr = 0;
                (void)run(hypercall::grant_table_op, {xen::GNTTABOP_unmap_grant_ref, address(&requests[i]), 1});
            }
    }
    void set_descriptors()
    {
        std::uint64_t const frames[2] = {any_frame().value, any_frame().value};
        if (roll(2))
            (void)run(hypercall::set_gdt, {address(frames), roll(3) * 512});
        else if (roll(2))
            (void)extend(xen::MMUEXT_SET_LDT, (4 + roll(28)) * page_size, roll(3) * 512);
        else
            (void)run(hypercall::update_descriptor, {machine(any_frame(), roll(512)), 0});
    }
    void exchange_memory()
    {
        std::uint64_t number = spare_.value;
        xen::xen_memory_reservation reservation{};
        reservation.extent_start.address = address(&number);
        reservation.nr_extents = 1;
        reservation.domid = domid_self.value;
        if (run(hypercall::memory_op, {xen::XENMEM_decrease_reservation, address(&reservation)}) != 1)
            return;
        number = 63 - vcpu_.id();
        if (run(hypercall::memory_op, {xen::XENMEM_populate_physmap, address(&reservation)}) == 1)
            spare_ = Mfn{number};
    }
    void copy_pages()
    {
        std::uint64_t const owner = roll(2) ? domid_self.value : other_.load(relaxed);
        Mfn const to = owner == domid_self.value ? any_frame() : frame_of_other();
        if (roll(2))
            (void)extend(xen::MMUEXT_CLEAR_PAGE, to.value, 0, owner);
        else
            (void)extend(xen::MMUEXT_COPY_PAGE, to.value, owner == domid_self.value ? any_frame().value : frame_of_other().value, owner);
    }
    void move()
    {
        switch (roll(16)) {
        case 0 ... 1:
            return draw();
        case 2 ... 4:
            return change_entries();
        case 5 ... 6: {
            unsigned const level = 1 + roll(4);
            return (void)extend(xen::MMUEXT_PIN_L1_TABLE + level - 1, table_of(level).value);
        }
        case 7:
            return (void)extend(xen::MMUEXT_UNPIN_TABLE, table_of(1 + roll(4)).value);
        case 8:
            return (void)extend(roll(2) ? xen::MMUEXT_NEW_BASEPTR : xen::MMUEXT_NEW_USER_BASEPTR, table_of(4).value);
        case 9:
            return (void)run(hypercall::update_va_mapping, {roll(40) * page_size, entry(any_frame(), some_flags()), xen::UVMF_TLB_FLUSH | xen::UVMF_ALL});
        case 10:
            return map_foreign();
        case 11 ... 12:
            return map_grant();
        case 13:
            return unmap_grant();
        case 14:
            return set_descriptors();
        default:
            return roll(2) ? exchange_memory() : copy_pages();
        }
    }

    Guest& self_;
    domain::Vcpu& vcpu_;
    std::atomic<std::uint16_t> const& other_;
    std::atomic<std::uint64_t> const& others_first_;
    std::mt19937_64 random_;
    std::vector<xen::gnttab_map_grant_ref> mapped_;
    Mfn spare_; ///< given back and taken anew
    unsigned successes_ = 0, mappings_ = 0;
};

class Concurrency : public World {
protected:
    Concurrency()
    {
        audits = false; // whenever the threads rest
        destroy(b);
        domain::reap();
        cpu::fake_tlb.online = 0b111;
        if (char const* const text = std::getenv("RF_CONCURRENCY_STEPS"))
            steps = static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    }
    /// Another life of the domain that dies, under a number of its own; it grants its frames to `user`.
    void be_born(Guest const& user)
    {
        b = make(DomainId{next_id++}, domain::Role::guest);
        auto* const entries = direct_as<std::uint64_t>(b.domain->grants.frame(0).value());
        for (std::uint32_t i = 0; i < granted_frames; ++i)
            shared(entries[first_ref + i])
                .store(xen::GTF_permit_access | std::uint64_t{user.id().value} << 16 | b[i].value << 32, relaxed);
        others_first.store(b[0].value, relaxed);
        other.store(b.id().value, relaxed);
    }
    void die()
    {
        destroy(b, 8 + static_cast<std::uint32_t>(next_id * 7u % 100));
        domain::reap();
    }
    void play(Guest& user)
    {
        start(user);
        ASSERT_EQ(extend(user, extended(xen::MMUEXT_NEW_BASEPTR, user[0].value), 1), 0);
        for (VcpuId id : {0u, 1u}) {
            user.vcpu(id).set_loaded_cpu(id);
            user.domain->mark_loaded(id);
        }
        Mind one(user, 0, other, others_first), two(user, 1, other, others_first);
        be_born(user);
        for (unsigned rest = 0; rest < 6 && !HasFailure(); ++rest) {
            rounds(one, two, user);
            audit_is_clean("while all rest");
        }
        EXPECT_GT(one.successes() + two.successes(), steps);
        EXPECT_GT(one.mappings() + two.mappings(), steps / 100);
        one.unmap_all();
        two.unmap_all();
        for (VcpuId id : {0u, 1u}) {
            user.domain->mark_unloaded(id);
            user.vcpu(id).set_loaded_cpu(max_cpus);
        }
    }
    void rounds(Mind& one, Mind& two, Guest& user)
    {
        std::atomic<bool> over{false};
        std::thread reaper([&] {
            cpu::fake_cpu = 2;
            while (!over) {
                die();
                be_born(user);
                std::this_thread::yield();
            }
        });
        auto const vcpu = [&](Mind& mind, CpuId cpu) {
            cpu::fake_cpu = cpu;
            mind.play(steps);
            cpu::stack_top().current = nullptr;
        };
        std::thread first([&] { vcpu(one, 0); }), second([&] { vcpu(two, 1); });
        first.join(), second.join();
        over = true;
        reaper.join();
    }
    void nothing_is_left_of(Guest& user)
    {
        die();
        destroy(user);
        audit_is_clean("when both have ended");
        domain::reap();
        for (std::uint16_t id = first_life; id < next_id; ++id)
            EXPECT_FALSE(domain::find(DomainId{id})) << id;
    }

    static constexpr std::uint16_t first_life = 20;
    unsigned steps = 600;
    std::uint16_t next_id = first_life;
    std::atomic<std::uint16_t> other{0};
    std::atomic<std::uint64_t> others_first{0};
};

TEST_F(Concurrency, OfAGuestThatMapsGrantsOfTheDying)
{
    play(a);
    nothing_is_left_of(a);
    EXPECT_GT(next_id - first_life, 3);
}

TEST_F(Concurrency, OfTheControlDomainThatMapsWhateverItLikes)
{
    play(dom0);
    nothing_is_left_of(dom0);
    EXPECT_GT(next_id - first_life, 3);
}

} // namespace
} // namespace rf::pvmmu_tests
