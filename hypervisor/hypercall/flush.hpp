// SPDX-License-Identifier: MIT
#pragma once
/// TLB and cache flushes that guests ask for. Flushes that isolation needs are done by the rooms themselves.

#include "hypercall/call.hpp"
#include "xen/mmu.h"

namespace rf::hypercall {

/// The flush part of update_va_mapping: `flags` holds UVMF_* and possibly the address of a vCPU bitmap. Errno::efault.
[[nodiscard]] Status flush_after_update(Call& call, GuestVirtual address, std::uint64_t flags);

/// The MMUEXT_* flush operations. Errno::efault, Errno::eacces, Errno::enosys.
[[nodiscard]] Status flush_operation(Call& call, xen::mmuext_op const& op);

} // namespace rf::hypercall
