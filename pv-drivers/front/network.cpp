// SPDX-License-Identifier: MIT
#include "front/network.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rf::front {

namespace {

[[nodiscard]] std::optional<std::uint8_t> hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    const char lower = static_cast<char>(digit | 0x20);
    if (lower >= 'a' && lower <= 'f')
        return lower - 'a' + 10;
    return std::nullopt;
}

}  // namespace

std::optional<MacAddress> parse_mac(std::string_view text)
{
    MacAddress address{};
    if (text.size() != address.size() * 3 - 1)
        return std::nullopt;
    for (std::size_t i = 0; i < address.size(); ++i) {
        const auto high = hex_digit(text[i * 3]);
        const auto low = hex_digit(text[i * 3 + 1]);
        if (!high || !low || (i + 1 < address.size() && text[i * 3 + 2] != ':'))
            return std::nullopt;
        address[i] = static_cast<std::uint8_t>(*high << 4 | *low);
    }
    return address;
}

Result<void> NetworkCard::open(std::uint64_t number)
{
    if (auto found = device_.find("vif", number); !found)
        return found;
    char room[32];
    const auto text = device_.read_own("mac", room);
    if (!text)
        return std::unexpected(text.error());
    const auto address = parse_mac(*text);
    if (!address || (address->front() & 1) != 0)
        return failure(xen::XEN_EINVAL);
    address_ = *address;
    return await_backend();
}

Result<void> NetworkCard::await_backend()
{
    phase_ = Phase::waiting;
    return device_.set_state(xen::XenbusStateInitialising);
}

bool NetworkCard::changed()
{
    if (phase_ == Phase::absent || phase_ == Phase::ended)
        return false;
    return device_.changed() || (phase_ != Phase::leaving && rings_broken());
}

Result<void> NetworkCard::advance()
{
    if (phase_ == Phase::absent || phase_ == Phase::ended)
        return failure(xen::XEN_ENODEV);
    const auto backend = device_.backend_state();
    if (phase_ == Phase::waiting) {
        if (backend != xen::XenbusStateInitWait)
            return {};
        auto connected = connect();
        if (!connected)
            unlink();
        return connected;
    }
    if (phase_ == Phase::leaving)
        return come_back(backend);
    if (rings_broken()) {
        refusals_ = refusal_limit;
        return lose(backend);
    }
    if (backend == xen::XenbusStateConnected) {
        phase_ = Phase::up;
        refusals_ = 0;
        return {};
    }
    if (closing_or_gone(backend))
        return lose(backend);
    // Either it has not seen us yet, or it is a new one that joins the rings where the old one left them, until when they keep
    // what is sent. Going back to Initialising here could pass unseen, and each side would have rings of its own.
    return {};
}

/// The backend leaves, or must, for our side will not go on.
Result<void> NetworkCard::lose(xen::xenbus_state backend)
{
    if (phase_ == Phase::told)
        ++refusals_;
    phase_ = Phase::leaving;
    if (auto told = device_.set_state(xen::XenbusStateClosed); !told)
        return told;
    return come_back(backend);
}

Result<void> NetworkCard::come_back(xen::xenbus_state backend)
{
    if (backend == xen::XenbusStateClosing || backend == xen::XenbusStateConnected)
        return {};  // it still has our rings
    unlink();
    if (refusals_ >= refusal_limit) {
        phase_ = Phase::ended;
        device_.forget();
        return failure(xen::XEN_ENODEV);
    }
    if (backend == xen::XenbusStateUnknown || (backend == xen::XenbusStateClosed && !device_.wanted()))
        return {};
    if (auto waiting = await_backend(); !waiting)
        return waiting;
    return backend == xen::XenbusStateInitWait ? advance() : Result<void>{};
}

Result<void> NetworkCard::connect()
{
    if (device_.backend_flag("feature-rx-copy") == 0)
        return failure(xen::XEN_EOPNOTSUPP);
    link_.emplace();
    if (auto lent = lend_pages(); !lent)
        return lent;
    const auto port = device_.doors().events.open(device_.backend());
    if (!port)
        return std::unexpected(port.error());
    link_->port = *port;
    link_->transmit = ring::FrontRing<sizeof(xen::netif_tx_sring_entry)>{link_->transmit_page.span()};
    link_->receive = ring::FrontRing<sizeof(xen::netif_rx_sring_entry)>{link_->receive_page.span()};
    for (std::uint32_t i = 0; i < receive_buffers; ++i)
        post_buffer();
    static_cast<void>(link_->receive.publish());  // nobody listens yet
    if (auto told = tell_backend(); !told)
        return told;
    phase_ = Phase::told;
    return {};
}

Result<void> NetworkCard::lend_pages()
{
    auto& doors = device_.doors();
    const auto lend = [&](LentPage& page, GrantAccess access) -> Result<void> {
        auto made = LentPage::make(doors.pages, doors.grants, device_.backend(), access);
        if (!made)
            return std::unexpected(made.error());
        page = std::move(*made);
        return {};
    };
    auto done = lend(link_->transmit_page, GrantAccess::read_write);
    if (done)
        done = lend(link_->receive_page, GrantAccess::read_write);
    for (auto& page : link_->transmit_buffer)
        if (done)
            done = lend(page, GrantAccess::read_only);
    for (auto& page : link_->receive_buffer)
        if (done)
            done = lend(page, GrantAccess::read_write);
    return done;
}

Result<void> NetworkCard::tell_backend()
{
    const std::pair<std::string_view, std::uint64_t> nodes[] = {
        {"tx-ring-ref", link_->transmit_page.reference()},
        {"rx-ring-ref", link_->receive_page.reference()},
        {"event-channel", link_->port},
        {"request-rx-copy", 1},
        {"feature-rx-notify", 1},
        {"feature-sg", 0},
        {"feature-gso-tcpv4", 0},
        {"feature-gso-tcpv6", 0},
        {"feature-no-csum-offload", 0},
        {"feature-ipv6-csum-offload", 1},
        // last: the backend reads the others when it sees this one
        {"state", xen::XenbusStateConnected},
    };
    for (const auto& [name, value] : nodes)
        if (auto written = device_.write_number(name, value); !written)
            return written;
    return {};
}

Result<void> NetworkCard::close()
{
    if (phase_ == Phase::absent || phase_ == Phase::ended)
        return {};
    Result<void> left;
    if (phase_ == Phase::told || phase_ == Phase::up)
        left = device_.leave();
    else
        left = device_.set_state(xen::XenbusStateClosed);
    unlink();
    device_.forget();
    phase_ = Phase::ended;
    return left;
}

void NetworkCard::unlink()
{
    if (!link_)
        return;
    if (link_->port != 0)
        device_.doors().events.close(link_->port);
    link_.reset();
}

bool NetworkCard::rings_broken() const
{
    return link_ && (link_->broken || link_->transmit.broken() || link_->receive.broken());
}

bool NetworkCard::may_sleep()
{
    if (changed())
        return false;
    if (!up() || rings_broken())
        return true;
    // only a full ring makes a sender wait for answers
    const bool room = ~link_->in_flight != 0 || link_->transmit.may_sleep();
    return link_->receive.may_sleep() && room && !rings_broken();
}

NetworkCard::Sent NetworkCard::send(std::span<const std::byte> frame, Checksum checksum)
{
    if (!up() || rings_broken())
        return Sent::link_down;
    if (frame.empty() || frame.size() > frame_limit)
        return Sent::bad_size;
    reap_sent();
    const auto buffer = static_cast<std::uint16_t>(std::countr_one(link_->in_flight));
    if (buffer >= transmit_buffers || link_->transmit.free_slots() == 0)
        return Sent::ring_full;
    const auto& page = link_->transmit_buffer[buffer];
    std::memcpy(page.bytes(), frame.data(), frame.size());
    xen::netif_tx_request request{};
    request.gref = page.reference();
    request.id = buffer;
    request.size = static_cast<std::uint16_t>(frame.size());
    if (checksum == Checksum::blank)
        request.flags = xen::NETTXF_csum_blank | xen::NETTXF_data_validated;
    else if (checksum == Checksum::known_good)
        request.flags = xen::NETTXF_data_validated;
    if (!link_->transmit.put(request))
        return Sent::ring_full;
    link_->in_flight |= std::uint32_t{1} << buffer;
    return Sent::yes;
}

void NetworkCard::reap_sent()
{
    for (auto count = link_->transmit.waiting(); count > 0; --count) {
        const auto response = link_->transmit.take<xen::netif_tx_response>();
        if (response.id >= transmit_buffers || (link_->in_flight >> response.id & 1) == 0) {
            link_->broken = true;
            return;
        }
        link_->in_flight &= ~(std::uint32_t{1} << response.id);
    }
}

std::optional<NetworkCard::Frame> NetworkCard::receive(std::span<std::byte> room)
{
    if (!up() || rings_broken())
        return std::nullopt;
    // what is posted anew meanwhile is not shown yet, so this ends
    while (link_->receive.waiting() != 0) {
        const auto response = link_->receive.take<xen::netif_rx_response>();
        const std::uint32_t buffer = link_->taken++ % receive_buffers;
        const auto bytes = frame_of(response, buffer);
        const bool fits = !bytes.empty() && bytes.size() <= room.size();
        if (fits)
            std::memcpy(room.data(), bytes.data(), bytes.size());
        post_buffer();
        if (link_->broken)
            return std::nullopt;
        if (fits)
            return Frame{room.first(bytes.size()), (response.flags & xen::NETRXF_csum_blank) != 0       ? Checksum::blank
                                                   : (response.flags & xen::NETRXF_data_validated) != 0 ? Checksum::known_good
                                                                                                        : Checksum::complete};
        ++dropped_;
    }
    return std::nullopt;
}

std::span<const std::byte> NetworkCard::frame_of(const xen::netif_rx_response& response, std::uint32_t buffer)
{
    if (link_->extra_follows) {
        xen::netif_extra_info extra;
        static_assert(sizeof extra == sizeof response);
        std::memcpy(&extra, &response, sizeof extra);
        link_->extra_follows = (extra.flags & xen::XEN_NETIF_EXTRA_FLAG_MORE) != 0;
        return {};
    }
    if (response.id != buffer) {
        link_->broken = true;
        return {};
    }
    const bool first = !link_->inside_packet;
    link_->inside_packet = (response.flags & xen::NETRXF_more_data) != 0;
    link_->extra_follows = (response.flags & xen::NETRXF_extra_info) != 0;
    const auto size = static_cast<std::size_t>(std::max<std::int16_t>(response.status, 0));
    const bool whole = first && !link_->inside_packet && !link_->extra_follows;
    if (!whole || size > frame_limit || response.offset > page_size || size > page_size - response.offset)
        return {};
    return {link_->receive_buffer[buffer].bytes() + response.offset, size};
}

void NetworkCard::post_buffer()
{
    const std::uint32_t buffer = link_->posted % receive_buffers;
    xen::netif_rx_request request{};
    request.id = static_cast<std::uint16_t>(buffer);
    request.gref = link_->receive_buffer[buffer].reference();
    // cannot fail: the ring has four times as many slots as there are buffers
    if (link_->receive.put(request))
        ++link_->posted;
}

void NetworkCard::flush()
{
    if (!up())
        return;
    const bool sent = link_->transmit.publish() == ring::Notify::yes;
    const bool posted = link_->receive.publish() == ring::Notify::yes;
    if (sent || posted)
        device_.doors().events.notify(link_->port);
}

}  // namespace rf::front
