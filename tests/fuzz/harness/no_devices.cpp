// SPDX-License-Identifier: MIT
/// The fake machine has no devices to map.
#include "mm/device_window.hpp"

namespace rf::mm {

volatile void* map_device(MachineAddress, std::uint64_t) { return nullptr; }

} // namespace rf::mm
