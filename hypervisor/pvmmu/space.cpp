// SPDX-License-Identifier: MIT
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

constinit EntryLimits entry_limits;
constinit std::array<std::uint64_t, 16> shared_slots{};

} // namespace rf::pvmmu
