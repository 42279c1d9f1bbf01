// SPDX-License-Identifier: MIT
#pragma once
/// Which processor features paravirtual guests may have. Feature sets are words of bits in the order of the public header
/// arch-x86/cpufeatureset.h.

#include "pvcpu/cpuid_policy.hpp"

namespace rf::pvcpu {

enum class ProcessorVendor : std::uint8_t { intel, amd, other };
[[nodiscard]] ProcessorVendor vendor_of(CpuidRegisters leaf_0);

/// Where a feature word comes from; words without a place (MSR bits that we do not offer) have none.
struct FeaturePlace {
    std::size_t word;
    std::uint32_t leaf, subleaf;
    std::uint32_t CpuidRegisters::*reg;
};
[[nodiscard]] std::span<FeaturePlace const> feature_places();

/// Named features that rules speak about: word * 32 + bit.
enum class Feature : std::uint32_t {
    sysenter = 0 * 32 + 11,
    xsave = 1 * 32 + 26,
    osxsave = 1 * 32 + 27,
    avx = 1 * 32 + 28,
    hypervisor = 1 * 32 + 31,
    xsavec = 4 * 32 + 1,
    avx512f = 5 * 32 + 16,
    invariant_tsc = 7 * 32 + 8,
};
[[nodiscard]] constexpr std::uint32_t bit_of(Feature feature) { return 1u << (static_cast<std::uint32_t>(feature) % 32); }
[[nodiscard]] constexpr std::uint32_t& word_of(FeatureSet& set, Feature feature)
{
    return set[static_cast<std::uint32_t>(feature) / 32];
}
[[nodiscard]] constexpr bool has(FeatureSet const& set, Feature feature)
{
    return set[static_cast<std::uint32_t>(feature) / 32] & bit_of(feature);
}

/// What is left of the host's features for a kind of guest that may use the components of `xcr0`.
[[nodiscard]] FeatureSet allowed_features(FeatureSet const& host, PolicyKind kind, ProcessorVendor vendor,
                                          std::uint64_t xcr0);
/// Removes features whose state components are not in `xcr0`, and repeats on AMD's processors the bits that leaf
/// 0x80000001 copies from leaf 1.
[[nodiscard]] FeatureSet consistent(FeatureSet set, ProcessorVendor vendor, std::uint64_t xcr0);
/// The components that a feature set needs, within `xcr0`.
[[nodiscard]] std::uint64_t components_of(FeatureSet const& set, std::uint64_t xcr0);

} // namespace rf::pvcpu
