// SPDX-License-Identifier: MIT
#pragma once
/// Translation caches of the fake processors: who flushed everything when, as cpu/tlb.cpp keeps it, and how often it was
/// asked for. Tests set which CPUs are online; the one that a test plays is CPU 0.

#include "base/atomic.hpp"
#include "base/types.hpp"

#include <array>
#include <functional>

namespace rf::cpu {

struct FakeTlb {
    Atomic<std::uint32_t> clock{1};
    std::array<Atomic<std::uint32_t>, max_cpus> flushed{}; ///< clock at the last full flush; 0 counts as 1
    Atomic<std::uint64_t> online{1};
    Atomic<unsigned> requests{0};      ///< calls of flush_cpus
    Atomic<std::uint64_t> last_asked{0}; ///< CPUs of the last one
    std::function<void()> watch;       ///< called at the beginning of each; for tests of one thread
};

inline FakeTlb fake_tlb;

} // namespace rf::cpu
