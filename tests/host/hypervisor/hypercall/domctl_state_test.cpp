// SPDX-License-Identifier: MIT
// What a migration carries besides memory and registers: extended registers, model-specific registers, what CPUID says.
// Sizes must be told exactly, foreign images are checked before anything changes, and a refusal names what was wrong.
#include "world.hpp"

#include "fake_state.hpp"
#include "hypercall/policy_transfer.hpp"

#include <numeric>

namespace rf::hypercall_tests {
namespace {

class DomctlState : public World {
protected:
    DomctlState() { cpu::fake_state.features.xsave = true; }
    ~DomctlState() override { cpu::fake_state.features = {}; }

    std::int64_t extended(std::uint32_t command, std::uint64_t size, std::uint64_t mask, void const* buffer,
                          std::uint32_t vcpu = 0)
    {
        last = request(command);
        last.u.vcpuextstate = {.vcpu = vcpu, .xfeature_mask = mask, .size = size, .buffer = {address(buffer)}};
        return control_domain(last);
    }
    std::int64_t registers(std::vector<xen::xen_domctl_vcpu_msr> const& list, std::uint32_t vcpu = 0)
    {
        last = request(xen::XEN_DOMCTL_set_vcpu_msrs);
        last.u.vcpu_msrs = {.vcpu = vcpu, .msr_count = static_cast<std::uint32_t>(list.size()), .msrs = {address(list.data())}};
        return control_domain(last);
    }
    std::int64_t policy(std::uint32_t command, void const* leaves, std::size_t leaf_count, void const* msrs, std::size_t msr_count)
    {
        last = request(command);
        last.u.cpu_policy.nr_leaves = static_cast<std::uint32_t>(leaf_count);
        last.u.cpu_policy.nr_msrs = static_cast<std::uint32_t>(msr_count);
        last.u.cpu_policy.leaves.address = address(leaves);
        last.u.cpu_policy.msrs.address = address(msrs);
        return control_domain(last);
    }
    void give_policy()
    {
        auto fresh = mm::Box<pvcpu::CpuidPolicy>::make();
        ASSERT_TRUE(fresh);
        **fresh = pvcpu::CpuidPolicy::build(pvcpu::PolicyKind::pv_max, processor, 7);
        guest->set_cpuid_policy(std::move(*fresh));
    }
    /// A processor with leaves up to 0dh and two extended ones.
    static pvcpu::CpuidRegisters processor(std::uint32_t leaf, std::uint32_t subleaf)
    {
        switch (leaf) {
        case 0:
            return {0xd, 0x756e6547, 0x6c65746e, 0x49656e69};
        case 1:
            return {0x506e3, 0, 1u << 26 | 1u << 28, 1u << 24 | 1u << 25 | 1u << 26};
        case 4:
            return subleaf < 2 ? pvcpu::CpuidRegisters{0x121 + subleaf, 0x1c0003f, 63, 0} : pvcpu::CpuidRegisters{};
        case 0xd:
            return subleaf == 0   ? pvcpu::CpuidRegisters{7, 832, 832, 0}
                   : subleaf == 2 ? pvcpu::CpuidRegisters{256, 576, 0, 0}
                                  : pvcpu::CpuidRegisters{};
        case 0x80000000:
            return {0x80000008, 0, 0, 0};
        case 0x80000008:
            return {0x3030, 0, 0, 0};
        default:
            return {};
        }
    }
    xen::xen_domctl last{};
};

TEST_F(DomctlState, ExtendedRegistersThereAndBack)
{
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, 0, 0, nullptr), 0);
    EXPECT_EQ(last.u.vcpuextstate.size, 16u + 832);
    EXPECT_EQ(last.u.vcpuextstate.xfeature_mask, 7u);
    std::vector<std::uint8_t> image(16 + 832);
    std::iota(image.begin(), image.end(), std::uint8_t{0});
    std::uint64_t const header[2] = {7, 7}; // XCR0, and what was ever on
    std::memcpy(image.data(), header, sizeof header);
    EXPECT_EQ(extended(xen::XEN_DOMCTL_setvcpuextstate, image.size(), 7, image.data()), 0);
    std::vector<std::uint8_t> got(image.size());
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, got.size(), 7, got.data()), 0);
    EXPECT_EQ(got, image);
    EXPECT_EQ(guest->vcpu(0)->xstate.xcr0(), 7u);

    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, got.size() - 1, 7, got.data()), to_guest(Errno::einval));
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, got.size(), 3, got.data()), to_guest(Errno::einval));
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, got.size(), 7, reinterpret_cast<void*>(0x1000)), to_guest(Errno::efault));
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, 0, 0, nullptr, 1), to_guest(Errno::einval)) << "no such vCPU";
}

TEST_F(DomctlState, ForeignImagesAreCheckedFirst)
{
    ASSERT_TRUE(guest->vcpu(0)->xstate.set_xcr0(3));
    std::vector<std::uint64_t> image(106);
    auto const set = [&](std::uint64_t xcr0, std::uint64_t accumulated, std::size_t bytes = 848) {
        image[0] = xcr0;
        image[1] = accumulated;
        std::int64_t const result = extended(xen::XEN_DOMCTL_setvcpuextstate, bytes, 7, image.data());
        EXPECT_EQ(guest->vcpu(0)->xstate.xcr0(), 3u) << "unchanged";
        return result;
    };
    EXPECT_EQ(set(7, 3), to_guest(Errno::einval)) << "on, but never switched on";
    EXPECT_EQ(set(0xe7, 0xe7), to_guest(Errno::einval)) << "not this processor's";
    EXPECT_EQ(set(6, 7), to_guest(Errno::einval)) << "x87 is always on";
    EXPECT_EQ(set(7, 7, 840), to_guest(Errno::einval)) << "too short: XCR0 is as before";
    EXPECT_EQ(set(0, 0), to_guest(Errno::einval)) << "an image of nothing";
    EXPECT_EQ(set(0, 0, 16), 0) << "from a machine without XSAVE";
    EXPECT_EQ(set(7, 7, 15), to_guest(Errno::einval));
    EXPECT_EQ(set(7, 7, 8193), to_guest(Errno::einval));
    EXPECT_EQ(extended(xen::XEN_DOMCTL_setvcpuextstate, 848, 7, reinterpret_cast<void*>(0x1000)), to_guest(Errno::efault));
    EXPECT_EQ(extended(xen::XEN_DOMCTL_setvcpuextstate, 848, 7, image.data(), 1), to_guest(Errno::einval));
    // XCR0 alone, as of a vCPU that never used its registers.
    image[0] = 7, image[1] = 7;
    EXPECT_EQ(extended(xen::XEN_DOMCTL_setvcpuextstate, 16, 7, image.data()), 0);
    EXPECT_EQ(guest->vcpu(0)->xstate.xcr0(), 7u);
}

TEST_F(DomctlState, WithoutXsaveThereIsOnlyTheHeader)
{
    cpu::fake_state.features.xsave = false;
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, 0, 0, nullptr), 0);
    EXPECT_EQ(last.u.vcpuextstate.size, 16u);
    EXPECT_EQ(last.u.vcpuextstate.xfeature_mask, 0u);
    std::uint64_t header[2] = {1, 1};
    EXPECT_EQ(extended(xen::XEN_DOMCTL_getvcpuextstate, 16, 0, header), 0);
    EXPECT_EQ(header[0] | header[1], 0u);
    EXPECT_EQ(extended(xen::XEN_DOMCTL_setvcpuextstate, 16, 0, header), 0);
    header[1] = 1;
    EXPECT_EQ(extended(xen::XEN_DOMCTL_setvcpuextstate, 16, 0, header), to_guest(Errno::einval));
}

TEST_F(DomctlState, NoRegisterIsLostSilently)
{
    last = request(xen::XEN_DOMCTL_get_vcpu_msrs);
    last.u.vcpu_msrs.msr_count = 5;
    EXPECT_EQ(control_domain(last), 0);
    EXPECT_EQ(last.u.vcpu_msrs.msr_count, 0u);
    last.u.vcpu_msrs.vcpu = 1;
    EXPECT_EQ(control_domain(last), to_guest(Errno::einval));

    EXPECT_EQ(registers({}), 0);
    EXPECT_EQ(registers({{0x48, 0, 0}, {0x140, 0, 0}, {0xc0000103, 0, 0}, {0xc0011027, 0, 0}}), 0);
    EXPECT_EQ(registers({{0x48, 0, 1}}), to_guest(Errno::einval)) << "a value that we could not give back";
    EXPECT_EQ(registers({{0x48, 1, 0}}), to_guest(Errno::einval)) << "reserved bits";
    EXPECT_EQ(registers({{0x48, 0, 0}, {0x10, 0, 0}}), to_guest(Errno::einval)) << "an unknown register";
    EXPECT_EQ(registers(std::vector<xen::xen_domctl_vcpu_msr>(64, {0x48, 0, 0})), 0);
    EXPECT_EQ(registers(std::vector<xen::xen_domctl_vcpu_msr>(65, {0x48, 0, 0})), to_guest(Errno::einval));
    EXPECT_EQ(registers({{0x48, 0, 0}}, 1), to_guest(Errno::einval)) << "no such vCPU";
    last.u.vcpu_msrs = {.vcpu = 0, .msr_count = 1, .msrs = {0x1000}};
    EXPECT_EQ(control_domain(last), to_guest(Errno::efault));
}

TEST_F(DomctlState, APolicyHasEveryLeafUpToTheHighest)
{
    give_policy();
    EXPECT_EQ(policy(xen::XEN_DOMCTL_get_cpu_policy, nullptr, 0, nullptr, 0), 0);
    EXPECT_EQ(last.u.cpu_policy.nr_leaves, hypercall::most_policy_leaves) << "room for any policy";
    EXPECT_EQ(last.u.cpu_policy.nr_msrs, 2u);

    std::vector<pvcpu::CpuidLeaf> leaves(128);
    std::vector<xen::xen_msr_entry> msrs(2, {1, 1, 1});
    EXPECT_EQ(policy(xen::XEN_DOMCTL_get_cpu_policy, leaves.data(), 128, msrs.data(), 2), 0);
    std::size_t const count = last.u.cpu_policy.nr_leaves;
    ASSERT_LE(count, 128u);
    leaves.resize(count);
    auto const count_of = [&](std::uint32_t leaf) {
        return std::count_if(leaves.begin(), leaves.end(), [=](auto const& have) { return have.leaf == leaf; });
    };
    std::uint32_t const highest = guest->cpuid_policy().find(0).eax;
    ASSERT_EQ(highest, 0xdu);
    for (std::uint32_t leaf = 0; leaf <= highest; ++leaf)
        EXPECT_EQ(count_of(leaf), leaf == 4 ? 6 : leaf == 0xb ? 2 : leaf == 0xd ? 3 : 1) << leaf;
    EXPECT_EQ(count_of(0x40000000) + count_of(0x40000100), 2);
    for (std::uint32_t leaf = 0x80000000; leaf <= guest->cpuid_policy().find(0x80000000).eax; ++leaf)
        EXPECT_EQ(count_of(leaf), 1) << std::hex << leaf;
    EXPECT_EQ(leaves[0].regs.ebx, 0x756e6547u);
    EXPECT_EQ(leaves[0].subleaf, pvcpu::no_subleaf);
    EXPECT_EQ(msrs[0].idx, 0xceu);
    EXPECT_EQ(msrs[1].idx, 0x10au);
    EXPECT_EQ(msrs[0].val | msrs[1].val, 0u);

    EXPECT_EQ(policy(xen::XEN_DOMCTL_get_cpu_policy, leaves.data(), count - 1, nullptr, 0), to_guest(Errno::enobufs));
    EXPECT_EQ(policy(xen::XEN_DOMCTL_get_cpu_policy, nullptr, 0, msrs.data(), 1), to_guest(Errno::enobufs));
    auto* const nowhere = reinterpret_cast<void*>(0x1000);
    EXPECT_EQ(policy(xen::XEN_DOMCTL_get_cpu_policy, nowhere, 128, nullptr, 0), to_guest(Errno::efault));
    EXPECT_EQ(policy(xen::XEN_DOMCTL_get_cpu_policy, nullptr, 0, nowhere, 2), to_guest(Errno::efault));
}

TEST_F(DomctlState, WhatAControllerWantsIsTakenWholeOrNamed)
{
    give_policy();
    std::vector<pvcpu::CpuidLeaf> leaves{{1, pvcpu::no_subleaf, {0x306c3, 0, 0, 0}}};
    std::vector<xen::xen_msr_entry> msrs{{0xce, 0, 1ull << 31}, {0x10a, 0, 0}};
    EXPECT_EQ(policy(xen::XEN_DOMCTL_set_cpu_policy, leaves.data(), 1, msrs.data(), 2), 0);
    EXPECT_EQ(guest->cpuid_policy().find(1).eax, 0x306c3u);
    EXPECT_EQ(last.u.cpu_policy.err_leaf & last.u.cpu_policy.err_subleaf & last.u.cpu_policy.err_msr, ~0u);
    EXPECT_EQ(guest->controller_pauses.load(), 0) << "paused only for the change";
    EXPECT_EQ(policy(xen::XEN_DOMCTL_set_cpu_policy, nullptr, 0, nullptr, 0), 0) << "nothing wanted";
    EXPECT_EQ(guest->cpuid_policy().find(1).eax, 0x306c3u);

    leaves[0].regs.eax = 0x111;
    auto const refused = [&](Errno expected, std::uint32_t named) {
        EXPECT_EQ(policy(xen::XEN_DOMCTL_set_cpu_policy, leaves.data(), leaves.size(), msrs.data(), msrs.size()),
                  to_guest(expected));
        EXPECT_EQ(last.u.cpu_policy.err_msr, named);
        EXPECT_EQ(guest->cpuid_policy().find(1).eax, 0x306c3u) << "unchanged";
    };
    msrs = {{0x10a, 0, 1}};
    refused(Errno::einval, 0x10a);
    msrs = {{0xce, 0, 1}};
    refused(Errno::einval, 0xce);
    msrs = {{0xce, 1, 0}};
    refused(Errno::einval, 0xce);
    msrs = {{0x10, 0, 0}};
    refused(Errno::einval, 0x10);
    msrs.clear();
    leaves.push_back({0, pvcpu::no_subleaf, {0xd, 0x68747541, 0x444d4163, 0x69746e65}});
    refused(Errno::einval, ~0u); // another vendor's
    leaves.resize(129);
    refused(Errno::e2big, ~0u);
    EXPECT_EQ(policy(xen::XEN_DOMCTL_set_cpu_policy, reinterpret_cast<void*>(0x1000), 1, nullptr, 0), to_guest(Errno::efault));
    EXPECT_EQ(policy(xen::XEN_DOMCTL_set_cpu_policy, nullptr, 0, reinterpret_cast<void*>(0x1000), 1), to_guest(Errno::efault));
}

} // namespace
} // namespace rf::hypercall_tests
