// SPDX-License-Identifier: MIT
#pragma once
/// How much memory the first domain gets. Pure.

#include "dom0/request.hpp"

namespace rf::dom0 {

struct MemorySize {
    std::uint64_t pages = 0; ///< at the start
    std::uint64_t limit = 0; ///< to which it may grow
};

/// Applies dom0_mem= to `available` frames. Without it the domain gets all but a reserve for the hypervisor and for
/// exchanges: a sixteenth, at least 80 MiB or a quarter, at most 128 MiB. In any case 8 MiB or an eighth stay free.
[[nodiscard]] MemorySize choose_memory_size(Request const& request, std::uint64_t available);

} // namespace rf::dom0
