// SPDX-License-Identifier: MIT
#include "net/tx_packet.hpp"

#include <bit>
#include <cstring>

namespace rf::net {
namespace {

/// More slots than any frontend may ever use; beyond it a frontend is not old but hostile.
constexpr std::uint32_t fatal_slots = 20;
/// More extra-info slots than there are kinds.
constexpr std::uint32_t max_extras = ::xen::XEN_NETIF_EXTRA_TYPE_MAX;
constexpr std::uint32_t ethernet_header = 14;

template <class T>
T as(const TxSlot& slot)
{
    static_assert(sizeof(T) <= sizeof(TxSlot));
    T value;
    std::memcpy(&value, &slot, sizeof value);
    return value;
}

constexpr TxVerdict good{};

TxVerdict drop(const char* reason)
{
    return {TxFate::drop, reason};
}

TxVerdict fatal(const char* reason)
{
    return {TxFate::fatal, reason};
}

/// One extra-info slot; remembers segmentation, refuses what nobody offered.
TxVerdict read_extra(const ::xen::netif_extra_info& extra, TxPacket& packet)
{
    if (extra.type == ::xen::XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= ::xen::XEN_NETIF_EXTRA_TYPE_MAX)
        return fatal("an unknown kind of extra information");
    if (extra.type == ::xen::XEN_NETIF_EXTRA_TYPE_HASH)
        return good;
    if (extra.type != ::xen::XEN_NETIF_EXTRA_TYPE_GSO)
        return drop("multicast control, which is not offered");
    if (extra.u.gso.size == 0)
        return fatal("segments of no bytes");
    switch (extra.u.gso.type) {
    case ::xen::XEN_NETIF_GSO_TYPE_TCPV4: packet.segmentation = Segmentation::tcp_v4; break;
    case ::xen::XEN_NETIF_GSO_TYPE_TCPV6: packet.segmentation = Segmentation::tcp_v6; break;
    default: return fatal("an unknown kind of segmentation");
    }
    packet.segment_bytes = extra.u.gso.size;
    return good;
}

/// All extra-info slots. A drop is remembered while the walk goes on, for the packet's end must be found.
TxVerdict read_extras(std::span<const TxSlot> slots, TxPacket& packet)
{
    TxVerdict verdict;
    for (bool more = true; more;) {
        if (packet.slots >= slots.size())
            return fatal("extra information without end");
        if (++packet.extra_slots > max_extras)
            return fatal("too much extra information");
        const auto extra = as<::xen::netif_extra_info>(slots[packet.slots++]);
        const TxVerdict one = read_extra(extra, packet);
        if (one.fate == TxFate::fatal)
            return one;
        if (one.fate == TxFate::drop)
            verdict = one;
        more = (extra.flags & ::xen::XEN_NETIF_EXTRA_FLAG_MORE) != 0;
    }
    return verdict;
}

}  // namespace

TxVerdict parse_packet(std::span<const TxSlot> slots, TxPacket& packet)
{
    packet = TxPacket{};
    if (slots.empty())
        return fatal("no slot");
    const auto first = as<::xen::netif_tx_request>(slots[0]);
    packet.slots = 1;
    packet.bytes = first.size;
    packet.checksum_blank = (first.flags & ::xen::NETTXF_csum_blank) != 0;
    packet.data_validated = (first.flags & ::xen::NETTXF_data_validated) != 0;
    TxVerdict verdict;
    if ((first.flags & ::xen::NETTXF_extra_info) != 0)
        verdict = read_extras(slots, packet);
    if (verdict.fate == TxFate::fatal)
        return verdict;

    packet.fragment_count = 1;
    std::uint32_t first_bytes = first.size;
    for (bool more = (first.flags & ::xen::NETTXF_more_data) != 0; more;) {
        if (packet.slots >= slots.size())
            return fatal("a packet without end");
        if (packet.slots - packet.extra_slots >= fatal_slots)
            return fatal("a packet of too many slots");
        const auto piece = as<::xen::netif_tx_request>(slots[packet.slots++]);
        if (piece.size > first_bytes)
            return fatal("pieces larger than their packet");
        if (std::uint32_t{piece.offset} + piece.size > xen::page_size)
            return fatal("a piece that leaves its page");
        first_bytes -= piece.size;
        if (piece.size == 0)
            verdict = drop("an empty piece");
        if (packet.fragment_count == TxPacket::max_fragments)
            verdict = drop("more pieces than every backend accepts");
        else
            packet.fragments[packet.fragment_count++] = {xen::GrantRef(piece.gref), piece.offset, piece.size};
        more = (piece.flags & ::xen::NETTXF_more_data) != 0;
    }
    if (std::uint32_t{first.offset} + first_bytes > xen::page_size)
        return fatal("a piece that leaves its page");
    packet.fragments[0] = {xen::GrantRef(first.gref), first.offset, static_cast<std::uint16_t>(first_bytes)};
    if (first_bytes == 0)
        return drop("an empty piece");
    if (packet.bytes < ethernet_header)
        return drop("shorter than an Ethernet header");
    return verdict;
}

}  // namespace rf::net
