// SPDX-License-Identifier: MIT
#pragma once
/// One object per processor, each on cache lines of its own.

#include "base/types.hpp"
#include "cpu/current.hpp"

#include <array>

namespace rf {

template <class T>
class PerCpu {
public:
    constexpr PerCpu() = default;
    /// The object of the processor that we run on.
    [[nodiscard]] T& local() { return slots_[cpu::current_id()].object; }
    [[nodiscard]] T& operator[](CpuId cpu) { return slots_[cpu].object; }
    [[nodiscard]] T const& operator[](CpuId cpu) const { return slots_[cpu].object; }

private:
    struct alignas(64) Slot {
        T object{};
    };
    std::array<Slot, max_cpus> slots_{};
};

} // namespace rf
