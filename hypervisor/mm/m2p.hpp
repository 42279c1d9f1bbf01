// SPDX-License-Identifier: MIT
#pragma once
/// Machine-to-physical table: for each machine frame the pseudo-physical frame number that its owner gave it.
/// Guests read it at address_map::m2p_guest; entries of frames without a number read all ones.

#include "base/address_map.hpp"
#include "base/atomic.hpp"

namespace rf::mm {

/// The limit of valid table indexes; set once by boot.
extern Mfn m2p_limit;

inline void set_m2p(Mfn mfn, Pfn pfn)
{
    shared(reinterpret_cast<std::uint64_t*>(address_map::m2p_writable)[mfn.value]).store(pfn.value, relaxed);
}
[[nodiscard]] inline Pfn m2p(Mfn mfn)
{
    return Pfn{shared(reinterpret_cast<std::uint64_t*>(address_map::m2p_writable)[mfn.value]).load(relaxed)};
}

} // namespace rf::mm
