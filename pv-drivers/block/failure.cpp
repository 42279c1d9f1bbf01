// SPDX-License-Identifier: MIT
#include "block/failure.hpp"

#include <cstring>

namespace rf::block {
namespace {

constexpr std::uint64_t sector_bytes = 512;

std::string what(const DiskFailure& failure)
{
    switch (failure.kind) {
    case DiskOperation::Kind::read: return "cannot read sector " + std::to_string(failure.offset / sector_bytes);
    case DiskOperation::Kind::write: return "cannot write sector " + std::to_string(failure.offset / sector_bytes);
    case DiskOperation::Kind::discard: return "cannot discard from sector " + std::to_string(failure.offset / sector_bytes);
    case DiskOperation::Kind::sync: break;
    }
    return "cannot sync the disk";
}

}  // namespace

std::optional<std::string> FailureReport::add(const DiskFailure& failure, Clock::time_point now)
{
    return ration_.tell(what(failure) + ": " + (failure.error != 0 ? std::strerror(failure.error) : "the disk is shorter than it was"), now);
}

}  // namespace rf::block
