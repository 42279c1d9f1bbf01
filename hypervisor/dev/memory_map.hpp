// SPDX-License-Identifier: MIT
#pragma once
/// The machine's memory map as Dom0 gets it (XENMEM_machine_memory_map): the firmware's, plus the pages of the interrupt
/// controllers as reserved.

#include "base/result.hpp"
#include "dev/acpi.hpp"
#include "xen/memory.h"

#include <span>

namespace rf::dev {

/// Writes the sorted, non-overlapping map to `to` and yields the number of entries. `host` may be unsorted and may
/// overlap (the more restrictive type wins). Errno::enospc: more entries than `to` holds.
[[nodiscard]] Result<std::size_t> compose_machine_map(std::span<xen::e820entry const> host, acpi::Tables const& tables,
                                                      std::span<xen::e820entry> to);

} // namespace rf::dev
