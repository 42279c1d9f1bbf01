// SPDX-License-Identifier: MIT
#pragma once
/// What all network queues of a process share, and what a turn of one brings.

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "xen/event_channels.hpp"
#include "xen/grant_map.hpp"

namespace rf::net {

using Clock = std::chrono::steady_clock;

struct Doors {
    xen::GrantMapper& grants;
    xen::EventChannels& events;
    std::span<std::byte> arena;  ///< packets of one turn; holds nothing between turns
    std::function<Clock::time_point()> now;
    std::function<void(const std::string&)> log;
};

/// Bytes that any packet, with a little alignment, fits into.
inline constexpr std::size_t largest_packet_room = 66 * 1024;
/// Packets of one turn.
inline constexpr std::size_t batch_limit = 64;

struct Turn {
    bool worked = false;
    bool more = false;                        ///< there is more to do without waiting for anything
    std::optional<Clock::time_point> at;      ///< the rate limit lets it go on then
};

}  // namespace rf::net
