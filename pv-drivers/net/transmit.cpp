// SPDX-License-Identifier: MIT
#include "net/transmit.hpp"

#include <cstring>

namespace rf::net {
namespace {

/// Small packets begin at lines of the cache.
constexpr std::size_t alignment = 64;

}  // namespace

Transmit::Transmit(Doors doors, xen::DomainId domain, xen::GrantMapping page, PacketPort& port, TokenBucket& bucket, Log log)
    : doors_(std::move(doors)), page_(std::move(page)), port_(port), bucket_(bucket), log_(log), ring_(page_.bytes()),
      copies_(doors_.grants, domain)
{
}

void Transmit::start_fresh()
{
    log_.reset(ring_.rsp_prod());
}

void Transmit::resume()
{
    ring_ = log_.recover<sizeof(::xen::netif_tx_sring_entry)>(page_.bytes());
}

Turn Transmit::turn(ring::Notify& notify)
{
    Turn turn;
    if (stopped_ || broken())
        return turn;
    refill();
    collect(turn);
    copies_.run([this](std::uint32_t owner) { batch_[owner].fate = TxFate::drop; });
    for (Item& item : batch_)
        if (item.fate == TxFate::send)
            frame(item);
    // A full host loses packets like any link does; the guest's protocols notice.
    if (!outgoing_.empty())
        port_.write(outgoing_);
    outgoing_.clear();
    for (const Item& item : batch_)
        answer(item);
    batch_.clear();
    if (!responses_.empty()) {
        turn.worked = true;
        if (log_.publish(ring_, std::span<const ::xen::netif_tx_response>(responses_)) == ring::Notify::yes)
            notify = ring::Notify::yes;
        responses_.clear();
    }
    if (next_ == backlog_.size()) {
        backlog_.clear();
        next_ = 0;
    }
    if (broken())
        return turn;
    if (backlog_.empty())
        turn.more = !ring_.may_sleep();
    else
        turn.more = !turn.at;
    return turn;
}

void Transmit::refill()
{
    if (!backlog_.empty())
        return;
    for (std::uint32_t count = ring_.waiting(); count > 0; --count)
        backlog_.push_back(ring_.take<TxSlot>());
    if (ring_.broken())
        abandon("an impossible ring index");
}

void Transmit::collect(Turn& turn)
{
    std::size_t used = 0;
    while (next_ < backlog_.size() && batch_.size() < batch_limit && has_room(doors_.arena, used)) {
        Item item;
        item.first_slot = next_;
        const TxVerdict verdict = parse_packet(std::span(backlog_).subspan(next_), item.packet);
        item.fate = verdict.fate;
        if (verdict.fate == TxFate::fatal) {
            abandon(verdict.reason);
            return;
        }
        if (verdict.fate == TxFate::send) {
            if (bucket_.is_limited())
                if (const auto taken = bucket_.take(item.packet.bytes, doors_.now()); !taken) {
                    turn.at = taken.error();
                    return;
                }
            place(item, used);
        }
        next_ += item.packet.slots;
        batch_.push_back(std::move(item));
    }
}

void Transmit::place(Item& item, std::size_t& used)
{
    // The second fragment of a large packet is where its payload begins, and the others mostly go on where it ends.
    const bool several = item.packet.fragment_count > 1;
    const Fragment& leader = item.packet.fragments[several ? 1 : 0];
    const std::size_t anchor = several ? item.packet.fragments[0].bytes : 0;
    const std::size_t first = used + header_room;
    const bool fits = !several && place_in(doors_.arena, first, 0, 0) - first >= item.packet.bytes;
    const std::size_t start = fits ? first : place_in(doors_.arena, first, anchor, several ? leader.offset : 0);
    item.bytes = doors_.arena.subspan(start, item.packet.bytes);
    used = start + (item.packet.bytes + alignment - 1) / alignment * alignment;
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < item.packet.fragment_count; ++i) {
        const Fragment& fragment = item.packet.fragments[i];
        copies_.from_guest(fragment.page, fragment.offset, item.bytes.subspan(at, fragment.bytes),
                           static_cast<std::uint32_t>(batch_.size()));
        at += fragment.bytes;
    }
}

void Transmit::frame(Item& item)
{
    const auto header = tap_header(item.packet, item.bytes);
    if (!header) {
        item.fate = TxFate::drop;
        return;
    }
    const auto framed = with_header(item.bytes);
    std::memcpy(framed.data(), &*header, sizeof *header);
    outgoing_.push_back({framed});
}

void Transmit::answer(const Item& item)
{
    const std::int16_t status = item.fate == TxFate::send ? ::xen::NETIF_RSP_OKAY : ::xen::NETIF_RSP_ERROR;
    for (std::uint32_t i = 0; i < item.packet.slots; ++i) {
        const bool extra = i >= 1 && i <= item.packet.extra_slots;
        ::xen::netif_tx_request request;
        std::memcpy(&request, &backlog_[item.first_slot + i], sizeof request);
        ::xen::netif_tx_response response{};
        response.id = extra ? std::uint16_t{0} : request.id;
        response.status = extra ? std::int16_t{::xen::NETIF_RSP_NULL} : status;
        responses_.push_back(response);
    }
}

void Transmit::abandon(const char* reason)
{
    broken_ = true;
    doors_.log(std::string("the guest breaks the network protocol and is not served any more: ") + reason);
}

}  // namespace rf::net
