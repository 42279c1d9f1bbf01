// SPDX-License-Identifier: MIT
#pragma once
/// The ten bytes that a tap with IFF_VNET_HDR puts before each packet, in the host's byte order.
/// Source: Virtual I/O Device specification 1.1, section 5.1.6 (Linux's own header for it is no C++).

#include <cstdint>

namespace rf::net {

struct TapHeader {
    std::uint8_t flags = 0;
    std::uint8_t gso_type = 0;
    std::uint16_t hdr_len = 0;      ///< bytes of all headers of a packet to be segmented
    std::uint16_t gso_size = 0;     ///< payload bytes of each segment
    std::uint16_t csum_start = 0;   ///< where to begin summing
    std::uint16_t csum_offset = 0;  ///< where to put the sum, from csum_start
};
static_assert(sizeof(TapHeader) == 10);

inline constexpr std::uint8_t tap_needs_checksum = 1;
inline constexpr std::uint8_t tap_data_valid = 2;
inline constexpr std::uint8_t tap_gso_none = 0;
inline constexpr std::uint8_t tap_gso_tcp_v4 = 1;
inline constexpr std::uint8_t tap_gso_tcp_v6 = 4;
/// May be added to either: the sender speaks explicit congestion notification.
inline constexpr std::uint8_t tap_gso_ecn = 0x80;

}  // namespace rf::net
