// SPDX-License-Identifier: MIT
#pragma once
/// The machine's memory map as the control domain gets it (XENMEM_machine_memory_map). Set once by boot, then constant.

#include "base/result.hpp"
#include "xen/memory.h"

#include <span>

namespace rf::hypercall {

/// Composes the map from the firmware's entries and dev::machine_tables. Errno::enospc: too many entries; the map then
/// stays as it was.
[[nodiscard]] Status set_machine_map(std::span<xen::e820entry const> host);
/// Sorted, without overlaps.
[[nodiscard]] std::span<xen::e820entry const> machine_map();

} // namespace rf::hypercall
