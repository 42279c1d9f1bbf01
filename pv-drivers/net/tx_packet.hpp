// SPDX-License-Identifier: MIT
#pragma once
/// From copied transmit slots to a packet that may be fetched. Pure.
///
///   slot 0: request, size = bytes of the whole packet      flags: extra_info? more_data?
///   slot 1 .. e: extra information, chained by their own flag
///   slot e+1 ..: further pieces, each with its own size, chained by more_data
///
/// A `TxPacket` that passed has: 1 to 18 fragments, none empty, none leaving its page, their sum the packet's size.

#include <array>
#include <cstdint>
#include <span>

#include "io/netif.h"
#include "xen/types.hpp"

namespace rf::net {

/// A slot of the transmit ring as it was copied: a request or an extra-info, depending on the one before.
struct TxSlot {
    std::array<std::uint32_t, 3> words{};
};
static_assert(sizeof(TxSlot) == sizeof(::xen::netif_tx_sring_entry));

/// Part of one granted page.
struct Fragment {
    xen::GrantRef page;
    std::uint16_t offset = 0;  ///< bytes
    std::uint16_t bytes = 0;
};

enum class Segmentation : std::uint8_t { none, tcp_v4, tcp_v6 };

struct TxPacket {
    static constexpr std::size_t max_fragments = ::xen::XEN_NETIF_NR_SLOTS_MIN;

    std::array<Fragment, max_fragments> fragments{};
    std::uint32_t fragment_count = 0;
    std::uint32_t bytes = 0;
    bool checksum_blank = false;
    bool data_validated = false;
    Segmentation segmentation = Segmentation::none;
    std::uint16_t segment_bytes = 0;  ///< payload of each segment
    std::uint32_t slots = 0;          ///< all of the packet
    std::uint32_t extra_slots = 0;    ///< of these, extra information; they follow the first
};

/// What is to be done with a packet.
enum class TxFate {
    send,
    drop,  ///< answer all its slots with an error
    fatal  ///< the frontend breaks the protocol: nothing after this can be understood; abandon the ring
};

struct TxVerdict {
    TxFate fate = TxFate::send;
    const char* reason = "";
};

/// Reads the packet at the start of `slots`. Unless fatal, `packet.slots` says how many to answer.
[[nodiscard]] TxVerdict parse_packet(std::span<const TxSlot> slots, TxPacket& packet);

}  // namespace rf::net
