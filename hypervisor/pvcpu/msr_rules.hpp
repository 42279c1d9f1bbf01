// SPDX-License-Identifier: MIT
#pragma once
/// Which model-specific registers a paravirtual guest sees, as a pure decision: segment bases and the hypercall page, which
/// need the vCPU, are in msr.cpp.

#include "pvcpu/cpuid_policy.hpp"
#include "pvcpu/feature_rules.hpp"

namespace rf::pvcpu {

/// AMD: DE_CFG. Its rule alone depends on what the policy says.
inline constexpr std::uint32_t decode_configuration = 0xc0011029;

/// What the decision depends on.
struct MsrViewer {
    ProcessorVendor vendor = ProcessorVendor::other;
    bool controls_machine = false; ///< Dom0: may see what describes the real memory map and microcode
    bool first_vcpu = false;
    bool lfence_serialises = false; ///< the policy says so: LFENCE_DISPATCH
};

/// How a read is answered: (hardware value & mask) | value. A mask of zero does not touch the hardware.
struct MsrRead {
    std::uint64_t mask = 0;
    std::uint64_t value = 0;
};
/// Errno::eperm: the register does not exist for this guest.
[[nodiscard]] Result<MsrRead> msr_read_rule(MsrViewer const& viewer, std::uint32_t index);

/// What a permitted write does.
enum class MsrWrite : std::uint8_t {
    ignored,       ///< succeeds without effect
    only_same,     ///< succeeds if the value is what a read gives
    only_zero,     ///< succeeds if the value is zero
};
/// Errno::eperm: writing is not permitted.
[[nodiscard]] Result<MsrWrite> msr_write_rule(MsrViewer const& viewer, std::uint32_t index);

} // namespace rf::pvcpu
