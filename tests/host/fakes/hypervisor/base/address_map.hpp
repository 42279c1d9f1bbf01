// SPDX-License-Identifier: MIT
#pragma once
/// The address map for tests on the host: machine memory is one array, so `direct` is an offset into it.

#include "base/types.hpp"

namespace rf::address_map {

inline constexpr unsigned first_hypervisor_slot = 256;
inline constexpr unsigned last_hypervisor_slot = 271;
inline constexpr std::uint64_t hypervisor_start = 0xffff'8000'0000'0000ull;
inline constexpr std::uint64_t hypervisor_end = 0xffff'8800'0000'0000ull;
inline constexpr std::uint64_t m2p_guest = 0xffff'8000'0000'0000ull;
inline constexpr std::uint64_t domain_area = 0xffff'8200'0000'0000ull;
inline constexpr std::uint64_t image = 0xffff'8280'0000'0000ull;

/// Start of the fake machine's memory and of its M2P; set by the test's FakeMachine.
inline std::byte* fake_memory = nullptr;
inline std::uint64_t m2p_writable = 0;

[[nodiscard]] constexpr bool guest_range_ok(std::uint64_t address, std::uint64_t bytes)
{
    std::uint64_t const last = address + (bytes ? bytes - 1 : 0);
    if (last < address || !is_canonical(address) || !is_canonical(last))
        return false;
    return last < hypervisor_start || address >= hypervisor_end;
}

[[nodiscard]] inline std::byte* direct(Mfn mfn) { return fake_memory + (mfn.value << page_shift); }

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
