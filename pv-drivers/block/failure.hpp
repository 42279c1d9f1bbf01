// SPDX-License-Identifier: MIT
#pragma once
/// What the operator hears of a disk that fails. The guest gets an error for each request and decides how many it makes, so
/// the words are rationed: one line at once, then one for each pause at most.

#include <cstdint>
#include <optional>
#include <string>

#include "block/disk_io.hpp"
#include "xenbus/line_ration.hpp"

namespace rf::block {

/// An operation that the disk did not carry out.
struct DiskFailure {
    DiskOperation::Kind kind = DiskOperation::Kind::read;
    std::uint64_t offset = 0;  ///< bytes from the start of the disk
    int error = 0;             ///< errno; 0: the disk ends there
};

class FailureReport {
public:
    using Clock = xenbus::LineRation::Clock;
    static constexpr std::chrono::seconds pause{10};

    /// A line for the operator, or nothing if it is too early for one.
    [[nodiscard]] std::optional<std::string> add(const DiskFailure& failure, Clock::time_point now);

private:
    xenbus::LineRation ration_{1, pause};
};

}  // namespace rf::block
