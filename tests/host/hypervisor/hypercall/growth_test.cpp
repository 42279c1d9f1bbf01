// SPDX-License-Identifier: MIT
// What a guest makes the hypervisor keep for it is bounded: a guest takes all that its limits allow of event channels, grant
// frames, mappings of grants and event words, by hypercalls, and then tries for more. The memory that its domain's structures
// take is measured (docs/security/bounds.md), and it does not grow beyond that, whatever is tried again.
#include "../pvmmu/world.hpp"

#include "base/log.hpp"

#include "xen/event.h"
#include "xen/grant.h"
#include "xen/vcpu.h"

#include <iostream>

namespace rf::pvmmu_tests {
namespace {

/// Bytes: what a domain with the usual limits takes at its creation and at most, besides its own memory; and for each vCPU.
constexpr std::uint64_t most_at_first = 48 * 1024, most_at_last = 9216 * 1024, most_for_a_vcpu = 16 * 1024;

class Growth : public World {
protected:
    Growth()
    {
        audits = false;
        rf::log::set_sink([](rf::log::Level, std::string_view line) { EXPECT_EQ(line.find("BUG"), line.npos) << line; });
    }
    ~Growth() override
    {
        if (greedy.domain) {
            greedy.domain->pause();
            destroy(greedy);
        }
        domain::reap();
        EXPECT_FALSE(domain::find(greedy_id));
        rf::log::set_sink([](rf::log::Level, std::string_view) {});
    }
    /// A domain as the toolstack makes it, with 64 frames of memory of its own.
    void make_greedy(unsigned vcpus)
    {
        std::uint64_t const before = mm::allocator.free_frames();
        domain::Configuration configuration; // grant frames and maptrack as XEN_DOMCTL_createdomain has them by default
        configuration.max_vcpus = vcpus;
        configuration.max_event_port = 1022;
        auto made = domain::Domain::create(greedy_id, configuration);
        ASSERT_TRUE(made);
        greedy.domain = made->get();
        for (VcpuId vcpu = 0; vcpu < vcpus; ++vcpu)
            ASSERT_TRUE(greedy.domain->create_vcpu(vcpu));
        ASSERT_TRUE(domain::enter(std::move(*made)));
        for (unsigned i = 0; i < frames_each; ++i)
            greedy.frames.push_back(greedy.domain->memory.allocate(0).value());
        start_frames = before;
        start(greedy);
    }
    [[nodiscard]] mm::Account const& account() const { return greedy.domain->memory.structures; }
    /// Frames that the machine has lost to the domain, besides those that it owns.
    [[nodiscard]] std::uint64_t overhead() const { return start_frames - mm::allocator.free_frames() - frames_each; }

    std::int64_t event(unsigned command, void* argument) { return run(greedy, hypercall::event_channel_op, {command, address(argument)}); }
    std::int64_t grants(unsigned command, void* list, std::uint64_t count)
    {
        return run(greedy, hypercall::grant_table_op, {command, address(list), count});
    }
    /// Ports until there are none left; the last answer.
    std::int64_t take_ports()
    {
        for (unsigned tries = 0; tries < 5000; ++tries) {
            xen::evtchn_alloc_unbound request{domid_self.value, domid_self.value, 0};
            if (std::int64_t const result = event(xen::EVTCHNOP_alloc_unbound, &request); result != 0)
                return result;
            ++ports;
        }
        return 0;
    }
    void take_event_words()
    {
        for (VcpuId vcpu = 0; vcpu < greedy.domain->vcpu_limit(); ++vcpu) {
            xen::evtchn_init_control control{};
            control.control_gfn = greedy[40 + vcpu].value;
            control.vcpu = vcpu;
            (void)event(xen::EVTCHNOP_init_control, &control);
        }
        for (unsigned i = 0; i < 12; ++i) {
            xen::evtchn_expand_array request{greedy[50 + i].value};
            (void)event(xen::EVTCHNOP_expand_array, &request);
        }
    }
    xen::grant_status take_grant_frames(std::uint32_t count)
    {
        std::vector<std::uint64_t> list(count);
        xen::gnttab_setup_table request{.dom = domid_self.value, .nr_frames = count, .status = 0, .frame_list = {address(list.data())}};
        EXPECT_EQ(grants(xen::GNTTABOP_setup_table, &request, 1), 0);
        return static_cast<xen::grant_status>(request.status);
    }
    /// Maps one frame that `a` grants, again and again; ends with the first refusal.
    xen::grant_status take_mappings(std::uint64_t most)
    {
        direct_as<xen::grant_entry_v1>(a.domain->grants.frame(0).value())[8] = {
            xen::GTF_permit_access, greedy_id.value, static_cast<std::uint32_t>(a[40].value)};
        std::vector<xen::gnttab_map_grant_ref> requests(256);
        for (std::uint64_t made = 0; made < most; made += requests.size()) {
            for (auto& request : requests)
                request = {.host_addr = 0, .flags = xen::GNTMAP_device_map, .ref = 8, .dom = a.id().value, .status = 0, .handle = 0, .dev_bus_addr = 0};
            EXPECT_EQ(grants(xen::GNTTABOP_map_grant_ref, requests.data(), requests.size()), 0);
            for (auto const& request : requests) {
                if (request.status != xen::GNTST_okay)
                    return static_cast<xen::grant_status>(request.status);
                ++mappings;
            }
        }
        return xen::GNTST_okay;
    }
    void take_everything(bool first)
    {
        EXPECT_EQ(take_ports(), error(Errno::enospc));
        take_event_words();
        EXPECT_EQ(take_grant_frames(64), xen::GNTST_okay);
        EXPECT_NE(take_grant_frames(65), xen::GNTST_okay);
        EXPECT_EQ(take_mappings(first ? ~0ull : 1024), xen::GNTST_no_device_space);
        for (VcpuId vcpu = 0; vcpu < greedy.domain->vcpu_limit(); ++vcpu) {
            xen::vcpu_set_periodic_timer const tick{.period_ns = 10'000'000};
            EXPECT_EQ(run(greedy, hypercall::vcpu_op, {xen::VCPUOP_set_periodic_timer, vcpu, address(&tick)}), 0);
        }
        std::uint64_t const table = greedy[45].value;
        (void)run(greedy, hypercall::set_gdt, {address(&table), 512});
        (void)extend(greedy, extended(xen::MMUEXT_SET_LDT, 16 * page_size, 8192));
    }

    static constexpr DomainId greedy_id{30};
    Guest greedy;
    std::uint64_t start_frames = 0, ports = 0, mappings = 0;
};

TEST_F(Growth, EndsWhereTheLimitsAre)
{
    make_greedy(1);
    std::uint64_t const at_first = overhead();
    take_everything(true);
    std::uint64_t const at_last = overhead();
    EXPECT_EQ(ports, 1022u);
    EXPECT_EQ(mappings, 1024u * 256);
    for (unsigned again = 0; again < 3; ++again) {
        take_everything(false);
        EXPECT_EQ(overhead(), at_last) << "more was taken beyond all limits";
    }
    std::cout << "structures of a domain with one vCPU: " << at_first * page_size << " bytes at first, " << at_last * page_size
              << " at most\n";
    EXPECT_LE(at_first * page_size, most_at_first);
    EXPECT_LE(at_last * page_size, most_at_last);
    // All of it is charged: what the account has not is rounding, the rest of frames that pieces of other owners share.
    std::cout << "charged: " << account().used() << " of " << account().limit() << " bytes\n";
    EXPECT_LE(account().used(), account().limit());
    EXPECT_GE(account().used() + 4 * page_size, at_last * page_size);
    EXPECT_LE(account().used(), at_last * page_size + 2 * page_size);
}

/// A domain whose account is full gets no more, whatever its own limits say, and nobody else notices.
TEST_F(Growth, EndsWhereTheAccountIsFull)
{
    make_greedy(1);
    std::uint64_t const full = account().used() + 3 * page_size;
    greedy.domain->memory.structures.set_limit(full);
    EXPECT_EQ(take_ports(), error(Errno::enomem));
    EXPECT_LT(ports, 1022u);
    EXPECT_NE(take_grant_frames(64), xen::GNTST_okay);
    EXPECT_NE(take_mappings(1024), xen::GNTST_okay);
    EXPECT_LE(account().used(), full);
    xen::evtchn_alloc_unbound request{domid_self.value, domid_self.value, 0};
    EXPECT_EQ(run(a, hypercall::event_channel_op, {xen::EVTCHNOP_alloc_unbound, address(&request)}), 0);
    EXPECT_TRUE(a.domain->grants.grow_to(2));
}

TEST_F(Growth, OfEachVcpu)
{
    make_greedy(1);
    std::uint64_t const of_one = overhead();
    greedy.domain->pause();
    destroy(greedy);
    domain::reap();
    greedy.frames.clear();
    constexpr unsigned more = 16;
    make_greedy(1 + more);
    take_event_words();
    std::uint64_t const bytes = (overhead() - of_one) * page_size / more;
    EXPECT_LE(account().used(), account().limit());
    std::cout << "each further vCPU: " << bytes << " bytes\n";
    EXPECT_LE(bytes, most_for_a_vcpu);
}

} // namespace
} // namespace rf::pvmmu_tests
