// SPDX-License-Identifier: MIT
#pragma once
/// The battery-backed clock (MC146818), and its index port, which we share with Dom0.

#include "base/result.hpp"

#include <cstdint>

namespace rf::dev::rtc {

/// One register, under the lock that also guards Dom0's accesses.
[[nodiscard]] std::uint8_t read_register(std::uint8_t index);
void write_register(std::uint8_t index, std::uint8_t value);

/// Registers of the clock as read in one go.
struct Reading {
    std::uint8_t second, minute, hour, day, month, year, century;
    std::uint8_t mode; ///< status register B
    bool operator==(Reading const&) const = default;
};
/// Seconds since 1970-01-01 UTC. Errno::erange: the fields are no date.
[[nodiscard]] Result<std::uint64_t> to_unix_seconds(Reading const& reading);

/// The wall clock in seconds since 1970, assuming that it runs in UTC. Errno::etimedout: it never finished its update;
/// Errno::erange: it holds no date.
[[nodiscard]] Result<std::uint64_t> read_unix_seconds();

} // namespace rf::dev::rtc
