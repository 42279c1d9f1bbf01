// SPDX-License-Identifier: MIT
/// The hypervisor's own CPUID leaves, and those that depend on the vCPU.
#include "pvcpu/cpuid_policy.hpp"
#include "pvcpu/feature_rules.hpp"
#include "xen/cpuid.h"

namespace rf::pvcpu {

namespace {

constexpr std::uint32_t reported_version = 4 << 16 | 17;
constexpr std::uint32_t hypercall_msr = 0x40000000;

/// Leaf +3: the time. Sub-leaf 0 describes the counter, 1 its conversion to nanoseconds, 2 the host's.
[[nodiscard]] CpuidRegisters time_leaf(HypervisorLeaves const& facts, std::uint32_t subleaf)
{
    auto const khz = static_cast<std::uint32_t>(facts.tsc_khz);
    switch (subleaf) {
    case 0:
        return {xen::XEN_CPUID_TSC_HOST_RELIABLE, 0, khz, 0};
    case 1:
        return {0, 0, facts.tsc_mul, static_cast<std::uint8_t>(facts.tsc_shift)};
    case 2:
        return {khz, 0, 0, 0};
    default:
        return {};
    }
}

} // namespace

CpuidRegisters hypervisor_leaf(HypervisorLeaves const& facts, std::uint32_t index, std::uint32_t subleaf)
{
    switch (index) {
    case 0:
        return {xen::XEN_CPUID_LEAF(xen::XEN_CPUID_MAX_NUM_LEAVES), xen::XEN_CPUID_SIGNATURE_EBX,
                xen::XEN_CPUID_SIGNATURE_ECX, xen::XEN_CPUID_SIGNATURE_EDX};
    case 1:
        return {reported_version, 0, 0, 0};
    case 2:
        return {1, hypercall_msr, xen::XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0};
    case 3:
        return time_leaf(facts, subleaf);
    case 5:
        return {0, facts.machine_address_bits & xen::XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK, 0, 0};
    default:
        return {};
    }
}

CpuidRegisters cpuid_of(CpuidPolicy const& policy, HypervisorLeaves const& facts, unsigned vcpu_id, std::uint64_t guest_xcr0,
                     std::uint32_t leaf, std::uint32_t subleaf)
{
    constexpr std::uint32_t hypervisor_range = 0xffffff00;
    if ((leaf & hypervisor_range) == xen::XEN_CPUID_FIRST_LEAF)
        return hypervisor_leaf(facts, leaf - xen::XEN_CPUID_FIRST_LEAF, subleaf);
    CpuidRegisters regs = policy.find(leaf, subleaf);
    switch (leaf) {
    case 1:
        // Two identifiers apart, as if each vCPU were the only thread of its core.
        regs.ebx |= (vcpu_id * 2 & 0xff) << 24;
        // The kernel asks before it has set CR4.OSXSAVE and decides for ever: it may have what the policy has.
        if (regs.ecx & bit_of(Feature::xsave))
            regs.ecx |= bit_of(Feature::osxsave);
        break;
    case 0xd:
        if (policy.xcr0() == 0)
            break;
        if (subleaf == 0)
            regs.ebx = policy.xsave_size(guest_xcr0);
        else if (subleaf == 1 && regs.eax & bit_of(Feature::xsavec))
            regs.ebx = policy.compacted_size(guest_xcr0);
        break;
    default:
        break;
    }
    return regs;
}

} // namespace rf::pvcpu
