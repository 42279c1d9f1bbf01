// SPDX-License-Identifier: MIT
#pragma once
/// TCP segments as values. Sources: RFC 9293 (sections 3.1, 3.2). Pure.

#include "packet.hpp"

namespace rf::responder {

/// A place in a byte stream, modulo 2^32.
using Sequence = std::uint32_t;

/// Whether `a` lies before `b`, for places less than 2^31 apart.
[[nodiscard]] constexpr bool before(Sequence a, Sequence b)
{
    return static_cast<std::int32_t>(a - b) < 0;
}

struct Segment {
    std::uint16_t from_port = 0;
    std::uint16_t to_port = 0;
    Sequence sequence = 0;
    Sequence acknowledgment = 0;
    std::uint8_t flags = 0;  ///< FIN ... ACK
    std::uint16_t window = 0;
    std::uint16_t segment_limit = 0;  ///< the option MSS; 0 if absent
    Bytes data;

    static constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;

    [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
    /// What it takes of the sequence space.
    [[nodiscard]] std::uint32_t length() const
    {
        return static_cast<std::uint32_t>(data.size()) + (has(syn) ? 1u : 0u) + (has(fin) ? 1u : 0u);
    }
};

/// Nothing for wrong lengths or sums. Unknown and malformed options are passed over.
[[nodiscard]] std::optional<Segment> parse_segment(const Packet& packet, Checksum checksum);

/// Sends a segment; its `segment_limit` becomes an option if it is not 0.
void send_segment(Sender& sender, const Peer& to, const Segment& segment);

}  // namespace rf::responder
