// SPDX-License-Identifier: MIT
#pragma once
/// What is waiting to be sent to one client, in order. Replies are always kept (the transport stops reading requests when
/// there are too many); events are kept up to a limit: beyond half of it an event that is already waiting is not queued
/// twice, beyond all of it events are lost and counted.

#include <deque>
#include <set>
#include <string>
#include <string_view>

namespace rf::store {

class Outbox {
public:
    void push_reply(std::string bytes);
    /// Whether the event was queued. `bytes` is the whole encoded message.
    enum class Queued { yes, already_waiting, lost };
    Queued push_event(std::string bytes, std::size_t limit);

    /// Bytes to send next; empty when nothing waits. Valid until the next call that alters the outbox.
    [[nodiscard]] std::string_view front() const;
    /// Drops `count` sent bytes; they may span packets.
    void consume(std::size_t count);
    void clear();

    [[nodiscard]] bool empty() const { return packets_.empty(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t replies() const { return replies_; }
    [[nodiscard]] std::size_t events() const { return events_; }
    [[nodiscard]] std::size_t lost_events() const { return lost_events_; }
    /// Everything that waits, as one string.
    [[nodiscard]] std::string contents() const;

private:
    enum class Kind { reply, event };
    struct Packet {
        std::string bytes;
        Kind kind;
    };

    std::deque<Packet> packets_;
    std::multiset<std::string> waiting_;  ///< events not begun to be sent
    std::size_t offset_ = 0;              ///< bytes of the first packet already sent
    std::size_t bytes_ = 0;
    std::size_t replies_ = 0;
    std::size_t events_ = 0;
    std::size_t lost_events_ = 0;
};

}  // namespace rf::store
