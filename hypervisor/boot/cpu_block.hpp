// SPDX-License-Identifier: MIT
#pragma once
/// Memory for the per-CPU blocks (layout: cpu/block.hpp).

#include "base/result.hpp"
#include "base/types.hpp"

namespace rf::boot {

/// Builds the block of `cpu`: maps it, fills its stubs, descriptors and TSS, and marks its stacks as that CPU's. Building
/// it a second time changes nothing. Errno::enomem.
[[nodiscard]] Status build_cpu_block(CpuId cpu);
/// Where a CPU's stack pointer starts.
[[nodiscard]] std::uint64_t initial_stack(CpuId cpu);

} // namespace rf::boot
