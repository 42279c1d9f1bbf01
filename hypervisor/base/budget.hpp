// SPDX-License-Identifier: MIT
#pragma once
/// How much work one entry into the hypervisor may still do before it must give the CPU a chance to be preempted.

#include <cstdint>

namespace rf {

class Budget {
public:
    constexpr explicit Budget(std::uint32_t units) : left_(units) {}
    /// Takes `units`; false when the budget is used up (the caller stops at a restartable point).
    [[nodiscard]] constexpr bool spend(std::uint32_t units = 1)
    {
        if (left_ < units)
            return left_ = 0, false;
        left_ -= units;
        return true;
    }
    [[nodiscard]] constexpr std::uint32_t left() const { return left_; }
    [[nodiscard]] constexpr bool exhausted() const { return left_ == 0; }

private:
    std::uint32_t left_;
};

/// Units of about one page-table entry that one hypercall segment may process.
inline constexpr std::uint32_t entries_per_segment = 4096;

/// Outcome of a step of long work: finished, or to be called again.
enum class Progress : std::uint8_t { done, more };

} // namespace rf
