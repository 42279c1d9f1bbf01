// SPDX-License-Identifier: MIT
/// Story: each door gives back exactly what it took, whatever fails in between, and says what failed. The kernel is a fake
/// that counts: after every test no file is open and no mapping is alive, or the door leaks.
#include <gtest/gtest.h>

#include <cerrno>

#include "xen/domain_control.hpp"
#include "xen/event_channels.hpp"
#include "xen/fake_kernel.hpp"
#include "xen/foreign_map.hpp"
#include "xen/grant_map.hpp"
#include "xen/memory_control.hpp"
#include "xen/numbers.h"
#include "xen/own_store.hpp"
#include "xen/system_control.hpp"

namespace rf::xen {
namespace {

class DoorsTest : public ::testing::Test {
protected:
    void TearDown() override
    {
        EXPECT_EQ(kernel.open_files, 0);
        EXPECT_EQ(kernel.mapped, 0);
    }
    FakeKernel kernel;
};

TEST_F(DoorsTest, AMissingDeviceIsExplained)
{
    kernel.missing_files = {"/dev/xen/privcmd"};
    const auto privcmd = Privcmd::open(kernel);
    ASSERT_FALSE(privcmd);
    EXPECT_EQ(privcmd.error().code, ENOENT);
    EXPECT_NE(privcmd.error().text().find("/dev/xen/privcmd"), std::string::npos);
    EXPECT_NE(privcmd.error().text().find("xen-privcmd"), std::string::npos);
}

TEST_F(DoorsTest, EventChannelsBindReportAndMask)
{
    kernel.offered = {{5, 3}, {5, 4}};
    auto events = EventChannels::open(kernel);
    ASSERT_TRUE(events);
    EXPECT_TRUE(events->pending()->empty());
    const auto port = events->bind_interdomain(DomainId(5), RemotePort(3));
    ASSERT_TRUE(port);
    EXPECT_EQ(*events->pending(), std::vector{*port});
    kernel.raise(port->value);
    EXPECT_TRUE(events->pending()->empty());
    EXPECT_TRUE(events->unmask(*port));
    EXPECT_EQ(*events->pending(), std::vector{*port});
    EXPECT_TRUE(events->notify(*port));
    EXPECT_EQ(kernel.notified[port->value], 1);
    const auto other = events->bind_interdomain(DomainId(5), RemotePort(4));
    ASSERT_TRUE(other);
    const std::vector both{*port, *other};
    EXPECT_EQ(*events->pending(), std::vector{*other});
    kernel.raise(port->value);
    kernel.raise(other->value);
    EXPECT_TRUE(events->pending()->empty());
    EXPECT_TRUE(events->unmask(both));
    EXPECT_EQ(*events->pending(), both) << "one call, both ports";
    const auto again = events->bind_interdomain(DomainId(5), RemotePort(3));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().text(), "cannot bind event channel 3 of domain 5: Invalid argument");
    EXPECT_TRUE(events->unbind(*port));
    EXPECT_FALSE(events->notify(*port));
    EXPECT_TRUE(events->bind_interdomain(DomainId(5), RemotePort(3)));
}

TEST_F(DoorsTest, OneHolderOfAVirtualInterrupt)
{
    auto events = EventChannels::open(kernel);
    EXPECT_TRUE(events->bind_virq(3));
    EXPECT_EQ(events->bind_virq(3).error().code, EEXIST);
}

TEST_F(DoorsTest, AGrantIsUnmappedBeforeItIsGivenBackAndOutlivesItsMapper)
{
    kernel.grants[{5, 1}].bytes[7] = std::byte{42};
    GrantMapping page;
    {
        auto mapper = GrantMapper::open(kernel);
        ASSERT_TRUE(mapper);
        auto mapped = mapper->map(DomainId(5), GrantRef(1), Access::read_write);
        ASSERT_TRUE(mapped);
        page = std::move(*mapped);
    }
    EXPECT_EQ(page.bytes()[7], std::byte{42});
    EXPECT_EQ(page.pages(), 1u);
    kernel.trace.clear();
    page = GrantMapping();
    EXPECT_EQ(kernel.trace, (std::vector<std::string>{"unmap", "gntdev-unmap"}));
}

TEST_F(DoorsTest, AGrantThatIsNotThere)
{
    auto mapper = GrantMapper::open(kernel);
    const auto mapped = mapper->map(DomainId(5), GrantRef(9), Access::read_only);
    ASSERT_FALSE(mapped);
    EXPECT_NE(mapped.error().text().find("domain 5 from reference 9"), std::string::npos);
    EXPECT_FALSE(mapper->map(DomainId(5), std::span<const GrantRef>(), Access::read_only));
}

TEST_F(DoorsTest, ForeignFramesAllOrWithErrorsPerFrame)
{
    kernel.frames[{7, 0x1000}].bytes[0] = std::byte{1};
    kernel.frames[{7, 0x1002}].bytes[0] = std::byte{3};
    auto privcmd = Privcmd::open(kernel);
    const Mfn frames[] = {Mfn(0x1000), Mfn(0x1001), Mfn(0x1002)};
    const auto all = ForeignMap::map(*privcmd, DomainId(7), frames, Access::read_only);
    ASSERT_FALSE(all);
    EXPECT_NE(all.error().text().find("frame 0x1001 of domain 7"), std::string::npos);
    const auto some = ForeignMap::map_partial(*privcmd, DomainId(7), frames, Access::read_only);
    ASSERT_TRUE(some);
    EXPECT_EQ(some->errors(), (std::vector<std::int32_t>{0, -EINVAL, 0}));
    EXPECT_EQ(some->page(0)[0], std::byte{1});
    EXPECT_EQ(some->page(2)[0], std::byte{3});
    kernel.failing_requests.insert(uapi::privcmd_mmapbatch_v2);
    EXPECT_EQ(ForeignMap::map(*privcmd, DomainId(7), frames[0], Access::read_write).error().code, EIO);
}

TEST_F(DoorsTest, HypercallStructuresTravelBothWays)
{
    auto privcmd = Privcmd::open(kernel);
    kernel.on_hypercall = [](const uapi::PrivcmdHypercall& call) -> long {
        EXPECT_EQ(call.op, ::xen::HYPERVISOR_domctl);
        EXPECT_EQ(call.arg[0] % page_size, 0u);
        auto& block = *reinterpret_cast<::xen::xen_domctl*>(call.arg[0]);
        EXPECT_EQ(block.interface_version, ::xen::XEN_DOMCTL_INTERFACE_VERSION);
        if (block.cmd == ::xen::XEN_DOMCTL_createdomain) {
            EXPECT_EQ(block.u.createdomain.max_vcpus, 4u);
            block.domain = 12;
            return 0;
        }
        block.domain = 9;  // getdomaininfo answers with the next domain there is
        return 0;
    };
    DomainControl control(*privcmd);
    ::xen::xen_domctl_createdomain configuration{};
    configuration.max_vcpus = 4;
    const auto created = control.create(configuration);
    ASSERT_TRUE(created);
    EXPECT_EQ(*created, DomainId(12));
    EXPECT_TRUE(control.info(DomainId(9)));
    EXPECT_EQ(control.info(DomainId(8)).error().code, ESRCH);
}

TEST_F(DoorsTest, DestroyGoesOnUntilDoneAndErrorsNameTheDomain)
{
    auto privcmd = Privcmd::open(kernel);
    int calls = 0;
    kernel.on_hypercall = [&](const uapi::PrivcmdHypercall&) -> long { return ++calls < 4 ? -EAGAIN : 0; };
    DomainControl control(*privcmd);
    EXPECT_TRUE(control.destroy(DomainId(5)));
    EXPECT_EQ(calls, 4);
    kernel.on_hypercall = [](const uapi::PrivcmdHypercall&) -> long { return -EACCES; };
    EXPECT_NE(control.pause(DomainId(5)).error().text().find("domain 5"), std::string::npos);
    EXPECT_NE(control.pause(DomainId(5)).error().text().find("interface version"), std::string::npos);
}

TEST_F(DoorsTest, ARefusedCpuPolicyNamesTheLeaf)
{
    auto privcmd = Privcmd::open(kernel);
    kernel.on_hypercall = [](const uapi::PrivcmdHypercall& call) -> long {
        auto& block = *reinterpret_cast<::xen::xen_domctl*>(call.arg[0]);
        block.u.cpu_policy.err_leaf = 0x80000001;
        block.u.cpu_policy.err_subleaf = 2;
        return -EINVAL;
    };
    const auto refused = DomainControl(*privcmd).set_cpu_policy(DomainId(5), {{{1, 0, 2, 3, 4, 5}}, {}});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("leaf 0x80000001 subleaf 0x2"), std::string::npos);
}

TEST_F(DoorsTest, PopulateReturnsFramesOfWhatWasGiven)
{
    auto privcmd = Privcmd::open(kernel);
    kernel.on_hypercall = [](const uapi::PrivcmdHypercall& call) -> long {
        EXPECT_EQ(call.arg[0], static_cast<std::uint64_t>(::xen::XENMEM_populate_physmap));
        const auto& block = *reinterpret_cast<::xen::xen_memory_reservation*>(call.arg[1]);
        auto* extents = reinterpret_cast<std::uint64_t*>(block.extent_start.address);
        for (int i = 0; i < 2; ++i)
            extents[i] += 0x100;
        return 2;
    };
    std::vector<std::uint64_t> extents{0, 512, 1024};
    const auto given = MemoryControl(*privcmd).populate(DomainId(5), extents, 9);
    ASSERT_TRUE(given);
    EXPECT_EQ(*given, 2u);
    EXPECT_EQ(extents, (std::vector<std::uint64_t>{0x100, 512 + 0x100, 1024}));
}

TEST_F(DoorsTest, TheDomainListIsFetchedInAsManyCallsAsItTakes)
{
    for (std::uint16_t id = 0; id < 700; ++id)
        kernel.domains.push_back({id, ::xen::XEN_DOMINF_running});
    auto privcmd = Privcmd::open(kernel);
    const auto all = SystemControl(*privcmd).domains();
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 700u);
    EXPECT_EQ(all->back().domain, 699);
}

TEST_F(DoorsTest, TheOwnStoreRing)
{
    {
        const auto ring = OwnStoreRing::open(kernel);
        ASSERT_TRUE(ring);
        EXPECT_EQ(ring->port, RemotePort(77));
        EXPECT_EQ(ring->page.data(), kernel.own_ring.bytes.data());
    }
    kernel.missing_files = {"/proc/xen/xsd_port"};
    const auto missing = OwnStoreRing::open(kernel);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().text().find("mount xenfs"), std::string::npos);
}

TEST_F(DoorsTest, BuffersWithoutTheHypercallDevice)
{
    kernel.missing_files = {"/dev/xen/hypercall"};
    auto privcmd = Privcmd::open(kernel);
    ASSERT_TRUE(privcmd);
    auto buffer = privcmd->buffer(5000);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(buffer->size(), 2 * page_size);
    EXPECT_EQ(buffer->address() % page_size, 0u);
    EXPECT_FALSE(privcmd->buffer(0));
}

}  // namespace
}  // namespace rf::xen
