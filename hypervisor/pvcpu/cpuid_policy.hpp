// SPDX-License-Identifier: MIT
#pragma once
/// What CPUID says to paravirtual guests: a list of leaves made from the host's, with everything taken away that a guest
/// cannot use in ring 3 or that this hypervisor does not virtualise. Features are allowed by list, never by default.
///
/// A policy is a value. Built once at boot for each kind; a domain starts with a copy of its kind's policy, and its
/// controller may take features away (XEN_DOMCTL_set_cpu_policy) while the domain is paused.

#include "base/result.hpp"
#include "xen/trap.h"

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace rf::domain {
class Vcpu;
}

namespace rf::pvcpu {

struct CpuidRegisters {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// One leaf, in the layout of xen_cpuid_leaf_t (24 bytes). Leaves without sub-leaves have `no_subleaf`.
struct CpuidLeaf {
    std::uint32_t leaf = 0, subleaf = 0;
    CpuidRegisters regs;
};
static_assert(sizeof(CpuidLeaf) == 24);
inline constexpr std::uint32_t no_subleaf = ~0u;

/// Words of a feature set (public header arch-x86/cpufeatureset.h).
inline constexpr std::size_t feature_words = 19;
using FeatureSet = std::array<std::uint32_t, feature_words>;

/// The host's CPUID instruction, or a table in tests.
using HostCpuid = CpuidRegisters (*)(std::uint32_t leaf, std::uint32_t subleaf);

enum class PolicyKind : std::uint8_t {
    host,       ///< as the processor says
    pv_max,     ///< all that a paravirtual guest may have
    pv_default, ///< what a new DomU gets
    control,    ///< what Dom0 gets
};

class CpuidPolicy {
public:
    constexpr CpuidPolicy() = default;
    /// `xcr0`: extended state components that guests may use (0: no XSAVE).
    [[nodiscard]] static CpuidPolicy build(PolicyKind kind, HostCpuid host, std::uint64_t xcr0);

    /// All leaves that exist, in order.
    [[nodiscard]] std::span<CpuidLeaf const> leaves() const { return {leaves_.data(), count_}; }
    /// The leaf's static contents; zeros when there is no such leaf.
    [[nodiscard]] CpuidRegisters find(std::uint32_t leaf, std::uint32_t subleaf = 0) const
    {
        CpuidLeaf const* const found = entry(leaf, subleaf);
        return found ? found->regs : CpuidRegisters{};
    }
    [[nodiscard]] FeatureSet features() const;
    [[nodiscard]] bool has(std::size_t word, unsigned bit) const { return features()[word] >> bit & 1; }
    /// The extended state components of the policy; 0 without XSAVE.
    [[nodiscard]] std::uint64_t xcr0() const;
    /// Bytes of an XSAVE area for the components of `xcr0`, in standard or compacted form.
    [[nodiscard]] std::uint32_t xsave_size(std::uint64_t xcr0) const;
    [[nodiscard]] std::uint32_t compacted_size(std::uint64_t xcr0) const;

    /// Takes what a controller asks for, as far as `limit` (pv_max) allows: features, family and model, the processor's
    /// name, cache and address-width information. Leaves that we do not have are ignored. Errno::einval, nothing changed:
    /// a processor of another vendor.
    [[nodiscard]] Status apply(std::span<CpuidLeaf const> wanted, CpuidPolicy const& limit);

private:
    [[nodiscard]] CpuidLeaf const* entry(std::uint32_t leaf, std::uint32_t subleaf) const
    {
        for (CpuidLeaf const* at = leaves_.data(); at != leaves_.data() + count_; ++at)
            if (at->leaf == leaf && (at->subleaf == subleaf || at->subleaf == no_subleaf))
                return at;
        return nullptr;
    }
    [[nodiscard]] CpuidLeaf* entry(std::uint32_t leaf, std::uint32_t subleaf)
    {
        return const_cast<CpuidLeaf*>(std::as_const(*this).entry(leaf, subleaf));
    }
    void add(std::uint32_t leaf, std::uint32_t subleaf, CpuidRegisters regs);
    void add_basic(HostCpuid host);
    void add_extended(HostCpuid host);
    void add_xstate(HostCpuid host);
    void set_features(FeatureSet const& features);
    void restrict_identity();
    void restrict_xstate(std::uint64_t xcr0);

    static constexpr std::size_t capacity = 96;
    std::array<CpuidLeaf, capacity> leaves_{};
    std::size_t count_ = 0;
};

/// Facts for the hypervisor's own leaves.
struct HypervisorLeaves {
    std::uint64_t tsc_khz = 0;
    std::uint32_t tsc_mul = 0;
    std::int8_t tsc_shift = 0;
    unsigned machine_address_bits = 0; ///< of the highest RAM address; above 44, guests want grants of version 2
};
/// Contents of leaf 0x40000000 + `index` (public header arch-x86/cpuid.h).
[[nodiscard]] CpuidRegisters hypervisor_leaf(HypervisorLeaves const& facts, std::uint32_t index, std::uint32_t subleaf);

/// Builds the system's policies from this processor; once at boot, after its features and the time are known. `xcr0`: what
/// cpu::supported_xcr0() gives.
void build_policies(std::uint64_t xcr0, HypervisorLeaves const& facts);
[[nodiscard]] CpuidPolicy const& system_policy(PolicyKind kind);

/// What CPUID returns to a guest kernel that asks by the emulation prefix, or that was intercepted: rax and rcx name the leaf,
/// all four registers take the answer.
void answer_cpuid(domain::Vcpu const& vcpu, xen::cpu_user_regs& regs);
/// Leaves whose answer depends on nothing but the policy.
[[nodiscard]] constexpr bool is_static_leaf(std::uint32_t leaf)
{
    constexpr std::uint32_t hypervisor_leaves = 0x4000'00;
    return leaf != 1 && leaf != 0xd && leaf >> 8 != hypervisor_leaves;
}
/// The same as a function of plain values. `guest_xcr0`: the vCPU's current XCR0.
[[nodiscard]] CpuidRegisters cpuid_of(CpuidPolicy const& policy, HypervisorLeaves const& facts, unsigned vcpu_id,
                                        std::uint64_t guest_xcr0, std::uint32_t leaf, std::uint32_t subleaf);

} // namespace rf::pvcpu
