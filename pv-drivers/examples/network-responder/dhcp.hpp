// SPDX-License-Identifier: MIT
#pragma once
/// A DHCP client: asks for an address, keeps the lease, asks anew when it ends or is refused. Source: RFC 2131, RFC 2132. Pure.
///
///     idle --begin--> selecting --OFFER--> requesting --ACK--> bound --half of the lease--> renewing --ACK--> bound
///                         ^------ NAK, four requests unanswered, end of the lease -------------------'
///
/// Every message is a broadcast, renewals too, so that no neighbour need be looked up. Owner: Responder.

#include "connection.hpp"

namespace rf::responder {

class Dhcp {
public:
    Dhcp(Sender& sender, std::uint64_t secret) : sender_(sender), transaction_(static_cast<std::uint32_t>(secret)) {}

    /// Begins to ask, or begins anew.
    void begin(Time now);
    /// What came to the client's port.
    void input(Bytes message, Time now);
    void tick(Time now);
    [[nodiscard]] Time deadline() const { return timer_; }

    /// The leased address and network; nothing while there is none.
    [[nodiscard]] std::optional<Network> lease() const { return lease_; }

    static constexpr std::uint16_t client_port = 68;
    static constexpr std::uint16_t server_port = 67;
    static constexpr Time first_patience = 2 * seconds;
    static constexpr Time longest_patience = 64 * seconds;

private:
    enum class State : std::uint8_t { idle, selecting, requesting, bound, renewing };

    /// What is of interest in a server's message.
    struct Message {
        std::uint8_t type = 0;
        Ipv4 yours = no_address;
        Ipv4 server = no_address;
        std::optional<unsigned> prefix_bits;
        std::uint32_t lease_seconds = 0;
    };

    [[nodiscard]] std::optional<Message> parse(Bytes bytes) const;
    static void take_option(Message& message, std::uint8_t kind, Bytes value);
    void take_offer(const Message& offer, Time now);
    void take_lease(const Message& acknowledgment, Time now);
    void send(std::uint8_t type) const;
    /// Sets the timer for the next repetition, each twice as late as the one before.
    void wait_for_answer(Time now);

    Sender& sender_;
    State state_ = State::idle;
    std::uint32_t transaction_;
    unsigned repetitions_ = 0;
    Time timer_ = never;
    Time lease_end_ = never;
    Ipv4 offered_ = no_address;
    Ipv4 server_ = no_address;
    std::optional<Network> lease_;
};

}  // namespace rf::responder
