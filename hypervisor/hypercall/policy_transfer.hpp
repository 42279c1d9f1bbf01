// SPDX-License-Identifier: MIT
#pragma once
/// CPU policies on their way to and from toolstacks, for sysctl (the system's) and domctl (a domain's).

#include "base/result.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "xen/domctl_state.h"

namespace rf::hypercall {

/// Room that toolstacks must have for any policy: they write one leaf for each number up to the highest, existing or not.
inline constexpr std::uint32_t most_policy_leaves = 128;

/// Where a toolstack wants a policy, or has one.
struct PolicyBuffers {
    std::uint64_t leaves; ///< guest address; 0 asks only for the room needed
    std::uint64_t registers;
    std::uint32_t leaf_count;
    std::uint32_t register_count;
};

/// Copies a policy out and corrects the counts. Errno::enobufs: too little room; Errno::efault.
[[nodiscard]] Status write_policy(pvcpu::CpuidPolicy const& policy, PolicyBuffers& to);

/// Applies what a toolstack wants to `policy`. On Errno::einval `request` tells which leaf or register was wrong, where
/// that is known. Errno::e2big, Errno::efault.
[[nodiscard]] Status read_policy(pvcpu::CpuidPolicy& policy, xen::xen_domctl_cpu_policy& request);

} // namespace rf::hypercall
