// SPDX-License-Identifier: MIT
#pragma once
/// A console's ring, which Dom0's console daemon serves. Needs only event channels.
/// Owner: one thread; a guest that also writes from event handlers keeps them away meanwhile.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "front/byte_ring.hpp"
#include "front/doors.hpp"
#include "io/console.h"

namespace rf::front {

class Console {
public:
    constexpr Console() = default;
    /// `port` is the one the domain builder told; it notifies the daemon.
    Console(xen::xencons_interface& ring, Port port, EventChannels& events);

    /// Sends text, each newline as carriage return and newline. Waits up to five seconds for a daemon that does not read; after
    /// that text is dropped and counted, and later writes do not wait.
    void write(std::string_view text);
    /// The next typed byte, if there is one.
    [[nodiscard]] std::optional<char> read();
    /// Waits until the daemon has read everything, five seconds at most.
    void flush();

    /// Bytes no daemon took.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    void put(std::string_view piece);
    void show();
    /// Sleeps until at most `bound` bytes wait for the daemon; false after five seconds.
    [[nodiscard]] bool wait_until_at_most(std::uint32_t bound);

    ByteRing<Side::producer, xen::XENCONS_OUT_SIZE> out_;
    ByteRing<Side::consumer, xen::XENCONS_IN_SIZE> in_;
    EventChannels* events_ = nullptr;
    Port port_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace rf::front
