// SPDX-License-Identifier: MIT
#pragma once
/// Hypervisor addresses for memory outside the direct map: device registers and firmware tables. Windows are few, made
/// while booting or when a device is set up, and never taken back; the same request yields the same window.

#include "base/types.hpp"

namespace rf::mm {

/// An uncached, writable window onto `bytes` of device registers at `address` (no alignment needed). Null when windows or
/// page tables are exhausted: the device cannot be used.
[[nodiscard]] volatile void* map_device(MachineAddress address, std::uint64_t bytes);
/// As map_device, with writes combined: for framebuffers.
[[nodiscard]] volatile void* map_framebuffer(MachineAddress address, std::uint64_t bytes);
/// A cached, read-only window: for firmware tables in reserved memory. Null as above.
[[nodiscard]] void const* map_firmware(MachineAddress address, std::uint64_t bytes);

} // namespace rf::mm
