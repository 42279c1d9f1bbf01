// SPDX-License-Identifier: MIT
#include "connection.hpp"

#include <algorithm>

namespace rf::responder {

namespace {

/// Of a peer that says nothing (RFC 9293, section 3.7.1), and the least we go down to.
constexpr std::uint16_t default_segment_limit = 536;
constexpr std::uint16_t least_segment_limit = 64;

}  // namespace

void Connection::open(Server& server, const Peer& peer, const Segment& syn, Sequence initial, Time now)
{
    *this = Connection{};
    state_ = State::syn_received;
    peer_ = peer;
    own_port_ = syn.to_port;
    peer_port_ = syn.from_port;
    peer_window_ = syn.window;
    const auto told = syn.segment_limit != 0 ? syn.segment_limit : default_segment_limit;
    peer_limit_ = std::clamp(told, least_segment_limit, segment_limit);
    receive_next_ = syn.sequence + 1;
    initial_ = unacknowledged_ = initial;
    next_ = highest_ = initial + 1;
    opened_ = now;
    send_syn(server);
    start_timer(now);
}

void Connection::input(Server& server, const Segment& segment, Time now)
{
    if (!acceptable(segment)) {
        refuse_unacceptable(server, segment);
        return;
    }
    if (segment.has(Segment::rst)) {
        // only an exact reset is believed: the window is easily guessed
        if (segment.sequence == receive_next_)
            state_ = State::closed;
        else
            send_control(server, Segment::ack, next_);
        return;
    }
    if (segment.has(Segment::syn)) {
        send_control(server, Segment::ack, next_);
        return;
    }
    if (!segment.has(Segment::ack) || !take_acknowledgment(server, segment, now))
        return;
    const bool progress = take_data(server, segment, now);
    const bool answered = send_more(server, now);
    finish_if_acknowledged(now);
    const bool must_acknowledge = segment.length() != 0 && !answered;
    if (must_acknowledge || (progress && !answered))
        send_control(server, Segment::ack, next_);
}

bool Connection::acceptable(const Segment& segment) const
{
    const Sequence end = receive_next_ + receive_window;
    if (segment.length() == 0)
        return !before(segment.sequence, receive_next_) && before(segment.sequence, end);
    return before(segment.sequence, end) && before(receive_next_, segment.sequence + segment.length());
}

void Connection::refuse_unacceptable(Server& server, const Segment& segment)
{
    if (segment.has(Segment::rst))
        return;
    const bool syn_again = state_ == State::syn_received && segment.has(Segment::syn) && segment.sequence + 1 == receive_next_;
    if (syn_again)
        send_syn(server);
    else
        send_control(server, Segment::ack, next_);
}

bool Connection::take_acknowledgment(Server& server, const Segment& segment, Time now)
{
    const Sequence acknowledged = segment.acknowledgment;
    if (before(highest_, acknowledged)) {
        // for what was never sent
        if (state_ == State::syn_received)
            send_control(server, Segment::rst, acknowledged);
        else
            send_control(server, Segment::ack, next_);
        return false;
    }
    if (state_ == State::syn_received) {
        if (acknowledged != initial_ + 1)
            return false;
        state_ = State::reading;
    }
    if (!before(acknowledged, unacknowledged_))
        peer_window_ = segment.window;
    if (before(unacknowledged_, acknowledged)) {
        unacknowledged_ = acknowledged;
        if (before(next_, acknowledged))
            next_ = acknowledged;
        repetitions_ = 0;
        timer_ = never;
        if (unacknowledged_ != highest_)
            start_timer(now);
    }
    return true;
}

bool Connection::take_data(Server& server, const Segment& segment, Time now)
{
    if (before(receive_next_, segment.sequence))
        return false;  // something before it is missing
    Bytes fresh = segment.data;
    const std::uint32_t known = receive_next_ - segment.sequence;
    fresh = known < fresh.size() ? fresh.subspan(known) : Bytes{};
    const bool cut = fresh.size() > receive_window;
    fresh = fresh.first(std::min<std::size_t>(fresh.size(), receive_window));
    const bool finished = segment.has(Segment::fin) && !cut && !peer_closed_ && known <= segment.data.size();
    if (peer_closed_)
        return false;  // nothing can come behind its end
    receive_next_ += static_cast<std::uint32_t>(fresh.size());
    if (finished) {
        ++receive_next_;
        peer_closed_ = true;
    }
    if (state_ == State::reading && (request_.feed(fresh) == Request::Progress::complete || finished))
        begin_answer(server, now);
    return finished || !fresh.empty();
}

void Connection::begin_answer(Server& server, Time now)
{
    const auto kind = request_.kind();
    const Facts facts{++server.answers, (now - server.started) / seconds};
    answer_bytes_ = static_cast<std::uint16_t>(compose_answer(kind, facts, answer_));
    state_ = State::answering;
}

void Connection::finish_if_acknowledged(Time now)
{
    const bool all_acknowledged = has_answer() && unacknowledged_ == fin_sequence() + 1;
    if (all_acknowledged)
        state_ = State::fin_wait_2;
    if (state_ != State::fin_wait_2 || !peer_closed_)
        return;
    state_ = State::time_wait;
    timer_ = now + time_wait_period;
}

bool Connection::send_more(Server& server, Time now)
{
    if (!has_answer())
        return false;
    bool sent = false;
    // a FIN that was sent ends the answer
    while (!before(fin_sequence(), next_)) {
        const std::uint32_t left = fin_sequence() - next_;
        const std::uint32_t in_flight = next_ - unacknowledged_;
        const std::uint32_t room = peer_window_ > in_flight ? peer_window_ - in_flight : 0;
        const std::uint32_t bytes = std::min({left, room, std::uint32_t{peer_limit_}});
        if (bytes == 0 && left != 0)
            break;
        send_piece(server, bytes);
        sent = true;
    }
    if (timer_ == never && (sent || before(next_, fin_sequence())))
        start_timer(now);
    return sent;
}

void Connection::send_piece(Server& server, std::uint32_t bytes)
{
    Segment segment;
    segment.from_port = own_port_;
    segment.to_port = peer_port_;
    segment.sequence = next_;
    segment.acknowledgment = receive_next_;
    segment.flags = Segment::ack;
    segment.window = receive_window;
    segment.data = std::as_bytes(std::span{answer_}).subspan(next_ - (initial_ + 1), bytes);
    next_ += bytes;
    if (next_ == fin_sequence()) {
        segment.flags |= Segment::fin | Segment::psh;
        ++next_;
    }
    if (before(highest_, next_))
        highest_ = next_;
    send_segment(server.sender, peer_, segment);
}

void Connection::tick(Server& server, Time now)
{
    if (state_ == State::closed)
        return;
    if (now - opened_ >= lifetime) {
        if (state_ != State::time_wait)
            send_control(server, Segment::rst | Segment::ack, next_);
        state_ = State::closed;
        return;
    }
    if (now < timer_)
        return;
    timer_ = never;
    if (state_ == State::time_wait) {
        state_ = State::closed;
        return;
    }
    if (++repetitions_ > repetition_limit) {
        send_control(server, Segment::rst | Segment::ack, next_);
        state_ = State::closed;
        return;
    }
    if (state_ == State::syn_received) {
        send_syn(server);
    } else if (has_answer()) {
        next_ = unacknowledged_;
        // a closed window is asked with one byte whether it has opened
        if (!send_more(server, now))
            send_piece(server, std::min<std::uint32_t>(1, fin_sequence() - next_));
    }
    start_timer(now);
}

Time Connection::deadline() const
{
    return state_ == State::closed ? never : std::min(timer_, opened_ + lifetime);
}

void Connection::send_control(Server& server, std::uint8_t flags, Sequence sequence) const
{
    Segment segment;
    segment.from_port = own_port_;
    segment.to_port = peer_port_;
    segment.sequence = sequence;
    segment.acknowledgment = receive_next_;
    segment.flags = flags;
    segment.window = receive_window;
    send_segment(server.sender, peer_, segment);
}

void Connection::send_syn(Server& server) const
{
    Segment segment;
    segment.from_port = own_port_;
    segment.to_port = peer_port_;
    segment.sequence = initial_;
    segment.acknowledgment = receive_next_;
    segment.flags = Segment::syn | Segment::ack;
    segment.window = receive_window;
    segment.segment_limit = segment_limit;
    send_segment(server.sender, peer_, segment);
}

void Connection::start_timer(Time now)
{
    timer_ = now + (first_patience << repetitions_);
}

}  // namespace rf::responder
