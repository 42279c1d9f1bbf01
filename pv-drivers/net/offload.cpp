// SPDX-License-Identifier: MIT
#include "net/offload.hpp"

#include <linux/if_tun.h>

#include "net/headers.hpp"

namespace rf::net {
namespace {

/// Room for the Ethernet header and two VLAN tags before the MTU counts. Bytes.
constexpr std::uint32_t link_header = 22;
constexpr std::uint32_t largest_packet = 65535 + link_header;

std::uint32_t pages_of(std::uint64_t bytes)
{
    return static_cast<std::uint32_t>((bytes + xen::page_size - 1) / xen::page_size);
}

}  // namespace

unsigned tap_offloads(const FrontFeatures& front)
{
    // The tap knows one switch for both kinds of IP; what a frontend lacks for one of them is made up in plan_receive.
    if (!front.checksum_v4)
        return 0;
    unsigned offloads = TUN_F_CSUM;
    if (front.scatter_gather && front.segmentation_v4)
        offloads |= TUN_F_TSO4 | TUN_F_TSO_ECN;
    if (front.scatter_gather && front.segmentation_v6 && front.checksum_v6)
        offloads |= TUN_F_TSO6 | TUN_F_TSO_ECN;
    return offloads;
}

std::uint32_t largest_packet_slots(const FrontFeatures& front, std::uint32_t mtu)
{
    if (!front.scatter_gather)
        return 1;
    const bool large = (tap_offloads(front) & (TUN_F_TSO4 | TUN_F_TSO6)) != 0;
    return large ? pages_of(largest_packet) + 1 : pages_of(mtu + link_header);
}

std::expected<TapHeader, const char*> tap_header(const TxPacket& packet, std::span<std::byte> bytes)
{
    TapHeader header{};
    header.gso_type = tap_gso_none;
    if (!packet.checksum_blank && packet.segmentation == Segmentation::none) {
        if (packet.data_validated)
            header.flags = tap_data_valid;
        return header;
    }
    const auto transport = find_transport(bytes);
    if (!transport)
        return std::unexpected("a checksum or segments are asked for, but this is neither TCP nor UDP");
    header.flags = tap_needs_checksum;
    header.csum_start = transport->start;
    header.csum_offset = transport->checksum_offset;
    if (packet.segmentation == Segmentation::none)
        return header;
    const bool v4 = packet.segmentation == Segmentation::tcp_v4;
    if (transport->protocol != Transport::Protocol::tcp || v4 != (transport->network == Transport::Network::ip_v4))
        return std::unexpected("segments are asked for in a protocol that the packet does not have");
    if (!packet.checksum_blank)
        set_partial_checksum(bytes, *transport);
    header.gso_type = v4 ? tap_gso_tcp_v4 : tap_gso_tcp_v6;
    header.gso_size = packet.segment_bytes;
    header.hdr_len = transport->payload;
    return header;
}

std::expected<RxPlan, const char*> plan_receive(const TapHeader& header, std::span<std::byte> bytes, const FrontFeatures& front)
{
    RxPlan plan;
    plan.data_slots = pages_of(bytes.size());
    if (bytes.empty())
        return std::unexpected("an empty packet");
    if (plan.data_slots > 1 && !front.scatter_gather)
        return std::unexpected("larger than a page");
    switch (header.gso_type & ~tap_gso_ecn) {
    case tap_gso_none: break;
    case tap_gso_tcp_v4: plan.segmentation = Segmentation::tcp_v4; break;
    case tap_gso_tcp_v6: plan.segmentation = Segmentation::tcp_v6; break;
    default: return std::unexpected("a kind of segmentation that was not asked for");
    }
    const bool able = plan.segmentation == Segmentation::none ||
                      (plan.segmentation == Segmentation::tcp_v4 ? front.segmentation_v4 : front.segmentation_v6);
    if (!able)
        return std::unexpected("segmentation that the frontend cannot do");
    plan.segment_bytes = plan.segmentation == Segmentation::none ? 0 : header.gso_size;
    if ((header.flags & tap_needs_checksum) != 0) {
        const bool taken = is_ip_v6(bytes) ? front.checksum_v6 : front.checksum_v4;
        if (taken)
            plan.flags = ::xen::NETRXF_csum_blank | ::xen::NETRXF_data_validated;
        else if (!complete_checksum(bytes, header.csum_start, header.csum_offset))
            return std::unexpected("a checksum field outside the packet");
        else
            plan.flags = ::xen::NETRXF_data_validated;
    } else if ((header.flags & tap_data_valid) != 0) {
        plan.flags = ::xen::NETRXF_data_validated;
    }
    return plan;
}

}  // namespace rf::net
