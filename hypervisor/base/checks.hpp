// SPDX-License-Identifier: MIT
#pragma once
/// Are costly checks of the hypervisor's own rules compiled in? A build with -DRF_CHECKS has them; so have tests on the
/// host, whose twin of this file says yes.

#include "base/per_cpu.hpp"

namespace rf {

#ifdef RF_CHECKS
inline constexpr bool checks_on = true;
#else
inline constexpr bool checks_on = false;
#endif

/// One object for each CPU, as checks keep it.
template <class T>
[[nodiscard]] T& own_object()
{
    static constinit PerCpu<T> objects;
    return objects.local();
}

} // namespace rf
