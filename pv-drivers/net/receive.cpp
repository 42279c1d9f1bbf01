// SPDX-License-Identifier: MIT
#include "net/receive.hpp"

#include <cerrno>
#include <cstring>

namespace rf::net {
namespace {

/// The extra-info slot that tells of segmentation, as the response whose place it takes.
::xen::netif_rx_response segmentation_slot(const RxPlan& plan)
{
    ::xen::netif_extra_info extra;
    std::memset(&extra, 0, sizeof extra);
    extra.type = ::xen::XEN_NETIF_EXTRA_TYPE_GSO;
    extra.u.gso.size = plan.segment_bytes;
    extra.u.gso.type = plan.segmentation == Segmentation::tcp_v4 ? ::xen::XEN_NETIF_GSO_TYPE_TCPV4
                                                                 : ::xen::XEN_NETIF_GSO_TYPE_TCPV6;
    ::xen::netif_rx_response slot;
    static_assert(sizeof slot == sizeof extra);
    std::memcpy(&slot, &extra, sizeof slot);
    return slot;
}

}  // namespace

Receive::Receive(Doors doors, xen::DomainId domain, xen::GrantMapping page, PacketPort& port, const FrontFeatures& front,
                 std::uint32_t mtu, Log log)
    : doors_(std::move(doors)), page_(std::move(page)), port_(port), front_(front),
      room_needed_(largest_packet_slots(front, mtu)), log_(log), ring_(page_.bytes()), copies_(doors_.grants, domain)
{
}

void Receive::start_fresh()
{
    log_.reset(ring_.rsp_prod());
}

void Receive::resume()
{
    ring_ = log_.recover<sizeof(::xen::netif_rx_sring_entry)>(page_.bytes());
}

bool Receive::room()
{
    if (ring_.waiting() >= room_needed_)
        return true;
    starved_ = ring_.may_sleep(room_needed_);
    return !starved_;
}

Turn Receive::turn(ring::Notify& notify)
{
    Turn turn;
    if (stopped_)
        return turn;
    std::size_t used = 0;
    std::size_t packets = 0;
    starved_ = false;
    if (dry_)
        guess_.rest();
    else
        guess_.look();
    while (!dry_ && !lost_ && packets < batch_limit && has_room(doors_.arena, used) && room() && !ring_.broken()) {
        const std::size_t read = read_some(used);
        packets += read;
        dry_ = read == 0 || read < incoming_.size() || (packets == 1 && guess_.is_last());
        if (read < incoming_.size())
            guess_.counted(packets);
    }
    copies_.run([this](std::uint32_t owner) { responses_[owner].status = ::xen::NETIF_RSP_ERROR; });
    if (!responses_.empty()) {
        if (log_.publish(ring_, std::span<const ::xen::netif_rx_response>(responses_)) == ring::Notify::yes)
            notify = ring::Notify::yes;
        responses_.clear();
    }
    turn.worked = packets != 0;
    turn.more = !dry_ && !starved_ && !lost_ && !ring_.broken();
    return turn;
}

std::size_t Receive::read_some(std::size_t& used)
{
    const bool alone = guess_.is_last();
    const std::size_t fits = expected_ != small_packets && !alone ? ring_.waiting() / room_needed_ : 1;
    incoming_.clear();
    for (std::size_t next = used; incoming_.size() < fits && has_room(doors_.arena, next);) {
        next = place_in(doors_.arena, next + header_room, 0, 0);  // each of the guest's pages is filled from its start
        incoming_.push_back({with_header(doors_.arena.subspan(next, largest_packet_room))});
        next += largest_packet_room;
    }
    port_.read(incoming_, expected_);
    std::size_t packets = 0;
    bool large = false;
    for (const Transfer& transfer : incoming_) {
        if (transfer.result == -EAGAIN || transfer.result == -EINTR)
            break;
        if (transfer.result < static_cast<long>(sizeof(TapHeader))) {
            lose(std::strerror(transfer.result < 0 ? static_cast<int>(-transfer.result) : EIO));
            break;
        }
        const auto framed = transfer.framed.first(static_cast<std::size_t>(transfer.result));
        deliver(framed);
        used = static_cast<std::size_t>(framed.data() + framed.size() - doors_.arena.data());
        large = framed.size() > xen::page_size;
        ++packets;
    }
    if (packets != 0)
        expected_ = large ? std::max<std::size_t>(packets - 1, 1) : small_packets;
    return packets;
}

void Receive::lose(const std::string& reason)
{
    lost_ = true;
    doors_.log("no packet is received any more: " + reason);
}

void Receive::deliver(std::span<std::byte> framed)
{
    TapHeader header;
    std::memcpy(&header, framed.data(), sizeof header);
    const auto bytes = framed.subspan(sizeof header);
    const auto plan = plan_receive(header, bytes, front_);
    if (!plan || plan->slots() > room_needed_)
        return;  // nothing the guest could take; it never hears of it, as of any packet lost
    std::uint16_t flags = plan->flags;
    for (std::size_t at = 0; at < bytes.size(); at += xen::page_size) {
        const auto part = bytes.subspan(at, std::min(bytes.size() - at, xen::page_size));
        const auto request = ring_.take<::xen::netif_rx_request>();
        copies_.to_guest(xen::GrantRef(request.gref), 0, part, static_cast<std::uint32_t>(responses_.size()));
        ::xen::netif_rx_response& response = responses_.emplace_back();
        response.id = request.id;
        response.status = static_cast<std::int16_t>(part.size());
        response.flags = flags;
        if (at + part.size() < bytes.size())
            response.flags |= ::xen::NETRXF_more_data;
        flags = 0;
        if (at == 0 && plan->segmentation != Segmentation::none) {
            response.flags |= ::xen::NETRXF_extra_info;
            (void)ring_.take<::xen::netif_rx_request>();  // its page stays empty; the slot carries the information
            responses_.push_back(segmentation_slot(*plan));
        }
    }
}

}  // namespace rf::net
