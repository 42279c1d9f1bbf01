// SPDX-License-Identifier: MIT
#include "dhcp.hpp"

#include <algorithm>

namespace rf::responder {

namespace {

constexpr std::uint8_t op_request = 1, op_reply = 2;
constexpr std::uint8_t hardware_ethernet = 1;
constexpr std::uint16_t flag_broadcast = 0x8000;
constexpr std::uint32_t magic_cookie = 0x63825363;
constexpr std::size_t hardware_room = 16, server_name_room = 64, file_room = 128;
/// What relays and old servers want a message to have.
constexpr std::size_t least_message = 300;

constexpr std::uint8_t type_discover = 1, type_offer = 2, type_request = 3, type_acknowledge = 5, type_refuse = 6;

constexpr std::uint8_t option_pad = 0, option_netmask = 1, option_requested = 50, option_lease = 51, option_type = 53, option_server = 54,
                       option_wanted = 55, option_end = 255;

constexpr unsigned request_limit = 4;
/// Shorter leases are not taken, so that a server cannot make us ask without pause.
constexpr std::uint32_t least_lease_seconds = 10;
constexpr std::uint32_t lease_without_end = 0xffffffff;

}  // namespace

void Dhcp::begin(Time now)
{
    lease_.reset();
    lease_end_ = never;
    sender_.set_address(no_address);
    state_ = State::selecting;
    transaction_ = transaction_ * 1664525 + 1013904223;
    repetitions_ = 0;
    send(type_discover);
    wait_for_answer(now);
}

void Dhcp::input(Bytes bytes, Time now)
{
    if (state_ == State::idle || state_ == State::bound)
        return;
    const auto message = parse(bytes);
    if (!message)
        return;
    if (message->type == type_offer && state_ == State::selecting)
        take_offer(*message, now);
    else if (message->type == type_acknowledge && state_ != State::selecting)
        take_lease(*message, now);
    else if (message->type == type_refuse && state_ != State::selecting && message->server == server_)
        begin(now);
}

void Dhcp::tick(Time now)
{
    if (now < timer_)
        return;
    switch (state_) {
    case State::idle: timer_ = never; return;
    case State::selecting: send(type_discover); break;
    case State::requesting:
        if (repetitions_ >= request_limit) {
            begin(now);
            return;
        }
        send(type_request);
        break;
    case State::bound:
        state_ = State::renewing;
        repetitions_ = 0;
        send(type_request);
        break;
    case State::renewing:
        if (now >= lease_end_) {
            begin(now);
            return;
        }
        send(type_request);
        break;
    }
    wait_for_answer(now);
    if (state_ == State::renewing)
        timer_ = std::min(timer_, lease_end_);
}

std::optional<Dhcp::Message> Dhcp::parse(Bytes bytes) const
{
    Reader reader{bytes};
    const auto operation = reader.byte();
    const auto hardware = reader.byte();
    const auto hardware_size = reader.byte();
    reader.byte();  // hops
    const auto transaction = reader.quad();
    reader.quad();  // seconds, flags
    reader.quad();  // the client's address
    Message message;
    message.yours = Ipv4{reader.quad()};
    reader.quad();  // the boot server's address
    reader.quad();  // the relay's address
    const auto mac = reader.take(hardware_room);
    reader.take(server_name_room + file_room);
    const auto cookie = reader.quad();
    if (!reader.ok() || operation != op_reply || hardware != hardware_ethernet || hardware_size != sizeof(Mac) || cookie != magic_cookie ||
        transaction != transaction_ || !std::ranges::equal(mac.first(sizeof(Mac)), std::as_bytes(std::span{sender_.mac()})))
        return std::nullopt;
    while (!reader.rest().empty()) {
        const auto kind = reader.byte();
        if (kind == option_end)
            break;
        if (kind == option_pad)
            continue;
        const auto value = reader.take(reader.byte());
        if (!reader.ok())
            return std::nullopt;
        take_option(message, kind, value);
    }
    return message;
}

void Dhcp::take_option(Message& message, std::uint8_t kind, Bytes value)
{
    Reader reader{value};
    if (kind == option_type && value.size() == 1)
        message.type = reader.byte();
    else if (kind == option_server && value.size() == sizeof(Ipv4))
        message.server = Ipv4{reader.quad()};
    else if (kind == option_netmask && value.size() == sizeof(std::uint32_t))
        message.prefix_bits = prefix_of(reader.quad());
    else if (kind == option_lease && value.size() == sizeof(std::uint32_t))
        message.lease_seconds = reader.quad();
}

void Dhcp::take_offer(const Message& offer, Time now)
{
    if (!is_host(offer.yours) || offer.server == no_address)
        return;
    offered_ = offer.yours;
    server_ = offer.server;
    state_ = State::requesting;
    repetitions_ = 0;
    send(type_request);
    wait_for_answer(now);
}

void Dhcp::take_lease(const Message& acknowledgment, Time now)
{
    const Network network{acknowledgment.yours, acknowledgment.prefix_bits.value_or(0)};
    if (acknowledgment.yours != offered_ || acknowledgment.server != server_ || network.prefix_bits == 0 || network.is_edge(network.address) ||
        acknowledgment.lease_seconds < least_lease_seconds)
        return;
    lease_ = network;
    state_ = State::bound;
    if (acknowledgment.lease_seconds == lease_without_end) {
        timer_ = lease_end_ = never;
        return;
    }
    const auto period = acknowledgment.lease_seconds * seconds;
    timer_ = now + period / 2;
    lease_end_ = now + period;
}

void Dhcp::send(std::uint8_t type) const
{
    std::byte room[least_message + 64];
    Writer message{room};
    message.byte(op_request);
    message.byte(hardware_ethernet);
    message.byte(sizeof(Mac));
    message.byte(0);
    message.quad(transaction_);
    message.word(0);
    message.word(flag_broadcast);
    message.quad(static_cast<std::uint32_t>(lease_ ? lease_->address : no_address));
    message.zeros(3 * sizeof(Ipv4));
    message.put(std::as_bytes(std::span{sender_.mac()}));
    message.zeros(hardware_room - sizeof(Mac) + server_name_room + file_room);
    message.quad(magic_cookie);
    message.byte(option_type);
    message.byte(1);
    message.byte(type);
    if (state_ == State::requesting) {
        message.byte(option_requested);
        message.byte(sizeof(Ipv4));
        message.quad(static_cast<std::uint32_t>(offered_));
        message.byte(option_server);
        message.byte(sizeof(Ipv4));
        message.quad(static_cast<std::uint32_t>(server_));
    }
    message.byte(option_wanted);
    message.byte(1);
    message.byte(option_netmask);
    message.byte(option_end);
    if (message.size() < least_message)
        message.zeros(least_message - message.size());
    sender_.udp({broadcast_mac, broadcast_address}, client_port, server_port, message.written());
}

void Dhcp::wait_for_answer(Time now)
{
    timer_ = now + std::min(longest_patience, first_patience << std::min(repetitions_, 5u));
    ++repetitions_;
}

}  // namespace rf::responder
