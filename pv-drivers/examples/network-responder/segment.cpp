// SPDX-License-Identifier: MIT
#include "segment.hpp"

namespace rf::responder {

namespace {

constexpr std::size_t header_bytes = 20;
constexpr std::size_t tcp_sum_at = 16;
constexpr std::uint8_t tcp_option_end = 0, tcp_option_none = 1, tcp_option_segment_limit = 2;
constexpr std::uint8_t segment_limit_bytes = 4;

[[nodiscard]] std::uint16_t segment_limit_in(Bytes options)
{
    Reader reader{options};
    while (!reader.rest().empty()) {
        const auto kind = reader.byte();
        if (kind == tcp_option_end)
            break;
        if (kind == tcp_option_none)
            continue;
        const auto size = reader.byte();
        if (!reader.ok() || size < 2)
            break;
        if (kind == tcp_option_segment_limit && size == segment_limit_bytes)
            return reader.word();
        reader.take(size - 2u);
    }
    return 0;
}

}  // namespace

std::optional<Segment> parse_segment(const Packet& packet, Checksum checksum)
{
    Reader reader{packet.payload};
    Segment segment;
    segment.from_port = reader.word();
    segment.to_port = reader.word();
    segment.sequence = reader.quad();
    segment.acknowledgment = reader.quad();
    const std::size_t header = (reader.byte() >> 4) * 4u;
    segment.flags = reader.byte();
    segment.window = reader.word();
    reader.quad();  // sum and urgent pointer; urgent data is data
    if (!reader.ok() || header < header_bytes || header > packet.payload.size() || segment.from_port == 0)
        return std::nullopt;
    if (!transport_is_intact(packet, checksum))
        return std::nullopt;
    if (segment.has(Segment::syn))
        segment.segment_limit = segment_limit_in(packet.payload.subspan(header_bytes, header - header_bytes));
    segment.data = packet.payload.subspan(header);
    return segment;
}

void send_segment(Sender& sender, const Peer& to, const Segment& segment)
{
    const std::size_t options = segment.segment_limit != 0 ? segment_limit_bytes : 0;
    std::byte room[payload_limit];
    Writer writer{room};
    writer.word(segment.from_port);
    writer.word(segment.to_port);
    writer.quad(segment.sequence);
    writer.quad(segment.acknowledgment);
    writer.byte(static_cast<std::uint8_t>((header_bytes + options) / 4 << 4));
    writer.byte(segment.flags);
    writer.word(segment.window);
    writer.quad(0);
    if (options != 0) {
        writer.byte(tcp_option_segment_limit);
        writer.byte(segment_limit_bytes);
        writer.word(segment.segment_limit);
    }
    writer.put(segment.data);
    if (writer.ok())
        sender.ipv4(to, Protocol::tcp, writer.written(), tcp_sum_at);
}

}  // namespace rf::responder
