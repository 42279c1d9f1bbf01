// SPDX-License-Identifier: MIT
#pragma once
/// Counters of known frequency, used once at boot to learn the frequency of the TSC.

#include "base/result.hpp"

#include <cstdint>

namespace rf::dev {

/// A free-running counter that counts up modulo 2^bits.
class ReferenceCounter {
public:
    [[nodiscard]] virtual std::uint64_t read() = 0;
    [[nodiscard]] virtual std::uint64_t hertz() const = 0;
    [[nodiscard]] virtual unsigned bits() const = 0;
    [[nodiscard]] virtual char const* name() const = 0;

protected:
    ~ReferenceCounter() = default;
};

/// Counts the TSC against a counter: the median of three windows of at least 20 ms. Errno::etimedout: the counter stands
/// still; Errno::erange: the result is no plausible frequency (below 1 MHz or above 100 GHz).
[[nodiscard]] Result<std::uint64_t> measure_khz(ReferenceCounter& counter, std::uint64_t (*read_tsc)());

/// The TSC's frequency in kHz by the best counter of this machine: HPET, else ACPI timer, else PIT. The tables must have
/// been read. Errno::enodev: nothing gave a plausible result.
[[nodiscard]] Result<std::uint64_t> calibrate_tsc_khz();

} // namespace rf::dev
