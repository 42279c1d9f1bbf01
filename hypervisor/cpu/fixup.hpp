// SPDX-License-Identifier: MIT
#pragma once
/// Instructions that may fault and where to continue then. Assembly adds pairs {faulting rip, landing rip} to section
/// .fixup_table; the linker collects them.

#include <cstdint>

namespace rf::cpu {

struct Fixup {
    std::uint64_t faulting;
    std::uint64_t landing;
};

/// Where to continue after a fault at `rip`; 0 when no fault was foreseen there.
[[nodiscard]] std::uint64_t find_fixup(std::uint64_t rip);

} // namespace rf::cpu
