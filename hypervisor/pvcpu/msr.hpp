// SPDX-License-Identifier: MIT
#pragma once
/// Model-specific registers as a paravirtual guest sees them. What is not listed does not exist: the guest gets #GP.

#include "base/result.hpp"

#include <cstdint>

namespace rf::domain {
class Vcpu;
}

namespace rf::pvcpu {

/// RDMSR by the running vCPU. Errno::eperm: inject #GP with error code 0.
[[nodiscard]] Result<std::uint64_t> read_msr(domain::Vcpu& vcpu, std::uint32_t index);
/// WRMSR by the running vCPU. Errno::eperm: inject #GP with error code 0.
[[nodiscard]] Status write_msr(domain::Vcpu& vcpu, std::uint32_t index, std::uint64_t value);

} // namespace rf::pvcpu
