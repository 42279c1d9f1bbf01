// SPDX-License-Identifier: MIT
#pragma once
/// One TCP connection of the web server: it takes a request, gives one answer and closes. Source: RFC 9293, RFC 5961. Pure.
///
///     syn_received --ACK--> reading --request, or the peer's FIN--> answering --all acknowledged--> fin_wait_2 --FIN--> time_wait
///
/// What it does not do, for one small answer needs none of it: window scaling, selective acknowledgment, time stamps, congestion
/// control (an answer is less than an initial window), keeping segments that arrive out of order (the peer sends them again).
///
/// Invariants: unacknowledged <= next <= end of answer and FIN; everything sent is kept until acknowledged; it ends after
/// `lifetime` whatever the peer does. Owner: Listener.

#include "http.hpp"
#include "segment.hpp"

namespace rf::responder {

/// System time in nanoseconds.
using Time = std::uint64_t;
inline constexpr Time milliseconds = 1'000'000;
inline constexpr Time seconds = 1'000 * milliseconds;
inline constexpr Time never = ~Time{0};

/// What connections have in common.
struct Server {
    Sender& sender;
    std::uint64_t answers = 0;
    Time started = 0;
};

class Connection {
public:
    enum class State : std::uint8_t { closed, syn_received, reading, answering, fin_wait_2, time_wait };

    /// Answers a SYN; `initial` is the first sequence number of ours.
    void open(Server& server, const Peer& peer, const Segment& syn, Sequence initial, Time now);
    /// A segment of this connection's four addresses arrived.
    void input(Server& server, const Segment& segment, Time now);
    /// Sends again what was not acknowledged in time, gives up what lasts too long.
    void tick(Server& server, Time now);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool matches(const Peer& peer, const Segment& segment) const
    {
        return state_ != State::closed && peer.address == peer_.address && segment.from_port == peer_port_ && segment.to_port == own_port_;
    }
    [[nodiscard]] Time opened() const { return opened_; }
    /// When `tick` has something to do.
    [[nodiscard]] Time deadline() const;
    /// Whether a SYN of the same addresses may begin a new connection in its place.
    [[nodiscard]] bool may_be_reborn(const Segment& syn) const { return state_ == State::time_wait && before(receive_next_, syn.sequence); }
    void forget() { state_ = State::closed; }

    static constexpr Time lifetime = 20 * seconds;
    static constexpr Time first_patience = 500 * milliseconds;
    static constexpr unsigned repetition_limit = 6;
    static constexpr Time time_wait_period = 2 * seconds;
    static constexpr std::uint16_t receive_window = 2048;
    static constexpr std::uint16_t segment_limit = 1460;

private:
    [[nodiscard]] bool acceptable(const Segment& segment) const;
    void refuse_unacceptable(Server& server, const Segment& segment);
    /// False if the segment is to be dropped.
    [[nodiscard]] bool take_acknowledgment(Server& server, const Segment& segment, Time now);
    /// Takes data and FIN; whether the sequence space went on.
    bool take_data(Server& server, const Segment& segment, Time now);
    void begin_answer(Server& server, Time now);
    void finish_if_acknowledged(Time now);

    /// Sends what the peer's window has room for; whether anything was sent.
    bool send_more(Server& server, Time now);
    void send_piece(Server& server, std::uint32_t bytes);
    void send_control(Server& server, std::uint8_t flags, Sequence sequence) const;
    void send_syn(Server& server) const;
    void start_timer(Time now);

    /// Sequence number behind the last byte of the answer; the FIN's own.
    [[nodiscard]] Sequence fin_sequence() const { return initial_ + 1 + answer_bytes_; }
    [[nodiscard]] bool has_answer() const { return state_ == State::answering; }

    State state_ = State::closed;
    bool peer_closed_ = false;
    std::uint8_t repetitions_ = 0;
    std::uint16_t own_port_ = 0;
    std::uint16_t peer_port_ = 0;
    std::uint16_t peer_limit_ = 0;
    std::uint16_t peer_window_ = 0;
    Peer peer_;
    Sequence initial_ = 0;
    Sequence unacknowledged_ = 0;
    Sequence next_ = 0;
    Sequence highest_ = 0;  ///< behind everything ever sent; `next_` goes back when it is sent again
    Sequence receive_next_ = 0;
    Time opened_ = 0;
    Time timer_ = never;
    Request request_;
    std::uint16_t answer_bytes_ = 0;
    std::array<char, answer_limit> answer_{};
};

}  // namespace rf::responder
