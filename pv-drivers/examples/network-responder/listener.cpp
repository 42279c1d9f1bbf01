// SPDX-License-Identifier: MIT
#include "listener.hpp"

#include <algorithm>

namespace rf::responder {

namespace {

/// Spreads every bit of the input over all bits of the result. No cryptography: it hinders a blind attacker, which is what a
/// page that everybody may read needs.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t value)
{
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9;
    value ^= value >> 27;
    value *= 0x94d049bb133111eb;
    return value ^ value >> 31;
}

constexpr Time sequence_step = 4'000;  ///< nanoseconds after which the clock part of a first sequence number has gone on by one

}  // namespace

void Listener::input(const Peer& from, const Segment& segment, Time now)
{
    const auto known = std::ranges::find_if(connections_, [&](const Connection& each) { return each.matches(from, segment); });
    const bool opens = segment.to_port == port && segment.has(Segment::syn) &&
                       !segment.has(Segment::ack | Segment::rst | Segment::fin);
    if (known != connections_.end() && !(opens && known->may_be_reborn(segment))) {
        known->input(server_, segment, now);
        return;
    }
    if (!opens) {
        reset_peer(from, segment);
        return;
    }
    auto* const place = known != connections_.end() ? &*known : place_for_new();
    if (place != nullptr)
        place->open(server_, from, segment, initial_sequence(from, segment, now), now);
}

Connection* Listener::place_for_new()
{
    for (const auto state : {Connection::State::closed, Connection::State::time_wait, Connection::State::syn_received})
        if (auto* const place = oldest(state); place != nullptr)
            return place;
    return nullptr;
}

Connection* Listener::oldest(Connection::State state)
{
    Connection* found = nullptr;
    for (auto& each : connections_)
        if (each.state() == state && (found == nullptr || each.opened() < found->opened()))
            found = &each;
    return found;
}

Sequence Listener::initial_sequence(const Peer& peer, const Segment& syn, Time now) const
{
    const auto ports = std::uint64_t{syn.from_port} << 16 | syn.to_port;
    const auto hash = mixed(secret_ ^ mixed(static_cast<std::uint64_t>(peer.address) << 32 | ports));
    return static_cast<Sequence>(hash + now / sequence_step);
}

void Listener::reset_peer(const Peer& to, const Segment& segment)
{
    if (segment.has(Segment::rst))
        return;
    Segment reset;
    reset.from_port = segment.to_port;
    reset.to_port = segment.from_port;
    if (segment.has(Segment::ack)) {
        reset.sequence = segment.acknowledgment;
        reset.flags = Segment::rst;
    } else {
        reset.acknowledgment = segment.sequence + segment.length();
        reset.flags = Segment::rst | Segment::ack;
    }
    send_segment(server_.sender, to, reset);
}

void Listener::tick(Time now)
{
    for (auto& each : connections_)
        if (each.deadline() <= now)
            each.tick(server_, now);
}

Time Listener::deadline() const
{
    Time first = never;
    for (const auto& each : connections_)
        first = std::min(first, each.deadline());
    return first;
}

void Listener::reset()
{
    for (auto& each : connections_)
        each.forget();
}

std::size_t Listener::connections() const
{
    return static_cast<std::size_t>(
        std::ranges::count_if(connections_, [](const Connection& each) { return each.state() != Connection::State::closed; }));
}

}  // namespace rf::responder
