// SPDX-License-Identifier: MIT
#pragma once
/// The hypervisor's virtual address space: top-level slots 256..271 of every page table (docs/memory-map.md).
///
///   slot 256  ffff8000'00000000  M2P, read-only, user-accessible: guests read it
///   slot 257  ffff8080'00000000  M2P again, writable, supervisor only
///   slot 258  ffff8100'00000000  frame table: words; from +40'00000000 on owners
///   slot 260  ffff8200'00000000  per-domain area: descriptor tables of each vCPU (see domain_area below)
///   slot 261  ffff8280'00000000  hypervisor image at +0x80000000 (..82d0'80000000 is not used), per-CPU blocks, device windows
///   slot 262..271 ffff8300'00000000 direct map of all RAM, writable, not executable
///
/// Tests on the host put a file of the same name first on the include path: there the areas are arrays.

#include "base/types.hpp"

namespace rf::address_map {

inline constexpr unsigned first_hypervisor_slot = 256;
inline constexpr unsigned last_hypervisor_slot = 271;

inline constexpr std::uint64_t hypervisor_start = 0xffff'8000'0000'0000ull;
inline constexpr std::uint64_t hypervisor_end = 0xffff'8800'0000'0000ull;

inline constexpr std::uint64_t m2p_guest = 0xffff'8000'0000'0000ull;
inline constexpr std::uint64_t m2p_writable = 0xffff'8080'0000'0000ull;
inline constexpr std::uint64_t frame_table = 0xffff'8100'0000'0000ull;
inline constexpr std::uint64_t owner_table = frame_table + 0x40'0000'0000ull;
inline constexpr std::uint64_t domain_area = 0xffff'8200'0000'0000ull;
inline constexpr std::uint64_t image = 0xffff'8280'0000'0000ull;
/// Per-CPU blocks: cpu n at cpu_blocks + n * cpu_block_size; within +-2 GiB of the image.
inline constexpr std::uint64_t cpu_blocks = 0xffff'8280'2000'0000ull;
inline constexpr std::uint64_t cpu_block_size = 0x20000;
/// Uncached windows onto devices, handed out in pages by mm::map_device().
inline constexpr std::uint64_t device_windows = 0xffff'8280'4000'0000ull;
inline constexpr std::uint64_t device_windows_end = 0xffff'8280'8000'0000ull;
inline constexpr std::uint64_t direct_map = 0xffff'8300'0000'0000ull;
inline constexpr std::uint64_t direct_map_end = hypervisor_end;

/// True when [address, address + bytes) is canonical and touches no hypervisor address: guests may be asked to use it.
[[nodiscard]] constexpr bool guest_range_ok(std::uint64_t address, std::uint64_t bytes)
{
    constexpr std::uint64_t low_half_end = 1ull << 47; // and from there to hypervisor_start no address is canonical
    static_assert(hypervisor_start == ~(low_half_end - 1));
    std::uint64_t const last = address + (bytes ? bytes - 1 : 0);
    return last >= address && (last < low_half_end || address >= hypervisor_end);
}

/// Writable view of a RAM frame.
[[nodiscard]] inline std::byte* direct(Mfn mfn)
{
    return reinterpret_cast<std::byte*>(direct_map + (mfn.value << page_shift));
}

template <class T>
[[nodiscard]] inline T* direct_as(Mfn mfn)
{
    return reinterpret_cast<T*>(direct(mfn));
}

} // namespace rf::address_map

namespace rf {
using address_map::direct;
using address_map::direct_as;
} // namespace rf
