// SPDX-License-Identifier: MIT
#pragma once
/// Checksum and segmentation offload, between the ring's flags and the header that a tap puts before each packet. Pure.

#include <cstdint>
#include <expected>
#include <span>

#include "net/tap_header.hpp"
#include "net/tx_packet.hpp"

namespace rf::net {

/// What a frontend can take.
struct FrontFeatures {
    bool scatter_gather = false;
    bool checksum_v4 = true;   ///< takes packets whose checksum is blank
    bool checksum_v6 = false;
    bool segmentation_v4 = false;
    bool segmentation_v6 = false;
};

/// What a tap may leave undone in packets for this frontend (TUN_F_* bits).
[[nodiscard]] unsigned tap_offloads(const FrontFeatures& front);
/// Slots of the largest packet that a tap with these offloads and this MTU delivers, extra information included.
[[nodiscard]] std::uint32_t largest_packet_slots(const FrontFeatures& front, std::uint32_t mtu);

/// Guest to tap: the header for a fetched packet. A large packet with a full checksum gets a partial one, written into
/// `bytes`. Fails, with the reason, for a packet whose headers do not bear out what its flags say.
[[nodiscard]] std::expected<TapHeader, const char*> tap_header(const TxPacket& packet, std::span<std::byte> bytes);

/// Tap to guest: how a packet is told to the frontend.
struct RxPlan {
    std::uint16_t flags = 0;  ///< NETRXF_csum_blank and NETRXF_data_validated
    Segmentation segmentation = Segmentation::none;
    std::uint16_t segment_bytes = 0;
    std::uint32_t data_slots = 0;

    [[nodiscard]] std::uint32_t slots() const { return data_slots + (segmentation != Segmentation::none ? 1 : 0); }
};

/// Plans a packet read from the tap; computes a checksum in `bytes` that the frontend cannot. Fails, with the reason, for one
/// that the frontend cannot take at all.
[[nodiscard]] std::expected<RxPlan, const char*> plan_receive(const TapHeader& header, std::span<std::byte> bytes,
                                                              const FrontFeatures& front);

}  // namespace rf::net
