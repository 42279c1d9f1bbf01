// SPDX-License-Identifier: MIT
#pragma once
/// The page of hypercall stubs that a guest may ask for (ELF note HYPERCALL_PAGE, XEN_DOMCTL_hypercall_init, MSR
/// 0x40000000): 128 slots of 32 bytes; a call of slot n makes hypercall n.

#include "base/types.hpp"

#include <cstddef>
#include <span>

namespace rf::pvcpu {

/// Fills the page.
void write_hypercall_page(std::span<std::byte, page_size> page);

} // namespace rf::pvcpu
