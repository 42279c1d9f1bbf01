// SPDX-License-Identifier: MIT
#include "mm/device_window.hpp"

#include "base/spinlock.hpp"
#include "mm/hypervisor_space.hpp"

#include <array>

namespace rf::mm {
namespace {

struct Window {
    std::uint64_t machine = 0;
    std::uint64_t bytes = 0;
    std::uint64_t virtual_address = 0;
    Caching caching = Caching::uncached;
};

constinit Spinlock lock{LockRank::device_windows};
constinit std::uint64_t next_window = address_map::device_windows;
/// Remembered windows; when more are made, the later ones are simply not shared.
constinit std::array<Window, 64> windows{};
constinit std::size_t window_count = 0;

[[nodiscard]] std::uint64_t find(std::uint64_t machine, std::uint64_t bytes, Caching caching)
{
    for (std::size_t i = 0; i < window_count; ++i) {
        Window const& window = windows[i];
        if (window.caching == caching && machine >= window.machine && bytes <= window.bytes &&
            machine - window.machine <= window.bytes - bytes)
            return window.virtual_address + (machine - window.machine);
    }
    return 0;
}

[[nodiscard]] std::uint64_t window_onto(MachineAddress address, std::uint64_t bytes, Caching caching, Access access)
{
    std::uint64_t const machine = address.value & page_mask;
    if (bytes == 0 || address.value + bytes < address.value)
        return 0;
    std::uint64_t const size = (address.value + bytes - machine + page_size - 1) & page_mask;
    LockGuard guard(lock);
    std::uint64_t virtual_address = find(machine, size, caching);
    if (!virtual_address) {
        if (size > address_map::device_windows_end - next_window)
            return 0;
        virtual_address = next_window;
        next_window += size; // a half-made window stays unused
        if (!hypervisor_space.map(virtual_address, {machine}, size, access, caching))
            return 0;
        if (window_count < windows.size())
            windows[window_count++] = {machine, size, virtual_address, caching};
    }
    return virtual_address + address.offset();
}

} // namespace

volatile void* map_device(MachineAddress address, std::uint64_t bytes)
{
    return reinterpret_cast<volatile void*>(window_onto(address, bytes, Caching::uncached, Access::write));
}

volatile void* map_framebuffer(MachineAddress address, std::uint64_t bytes)
{
    return reinterpret_cast<volatile void*>(window_onto(address, bytes, Caching::write_combining, Access::write));
}

void const* map_firmware(MachineAddress address, std::uint64_t bytes)
{
    return reinterpret_cast<void const*>(window_onto(address, bytes, Caching::write_back, Access::read));
}

} // namespace rf::mm
