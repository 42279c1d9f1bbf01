// SPDX-License-Identifier: MIT
#pragma once
/// What all network queues of a process share, and what a turn of one brings.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "net/tap_header.hpp"
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
/// Bytes before a packet in the arena, at least: its header lies at their end. A line of the cache, so that packets begin at one.
inline constexpr std::size_t header_room = 64;
/// Bytes that its place in the arena may cost a packet, at most.
inline constexpr std::size_t placement_room = 2 * xen::page_size;

/// Whether the arena has room for one more packet behind the first `used` bytes.
[[nodiscard]] inline bool has_room(std::span<const std::byte> arena, std::size_t used)
{
    return arena.size() >= used + placement_room + largest_packet_room;
}

/// The first place at or after `used` where a packet's byte `anchor` has the offset `offset` in its page. A copy between a
/// guest's page and ours that has the same offset on both sides crosses no page boundary but the guest's own; any other is
/// two, each with a pinning of our page and a slot of the hypercall.
[[nodiscard]] inline std::size_t place_in(std::span<const std::byte> arena, std::size_t used, std::size_t anchor, std::size_t offset)
{
    const auto address = reinterpret_cast<std::uintptr_t>(arena.data()) + used + anchor;
    return used + ((offset - address) & (xen::page_size - 1));
}

/// A packet together with the header before it.
[[nodiscard]] inline std::span<std::byte> with_header(std::span<std::byte> packet)
{
    return {packet.data() - sizeof(TapHeader), packet.size() + sizeof(TapHeader)};
}

/// Packets of one turn.
inline constexpr std::size_t batch_limit = 64;

struct Turn {
    bool worked = false;
    bool more = false;                        ///< there is more to do without waiting for anything
    std::optional<Clock::time_point> at;      ///< the rate limit lets it go on then
};

}  // namespace rf::net
