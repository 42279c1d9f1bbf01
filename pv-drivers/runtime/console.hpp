// SPDX-License-Identifier: MIT
#pragma once
/// The domain's console: the ring xenconsoled serves, or in the control domain the hypervisor's own console.
///
/// Usable from the main program and from handlers; both never run at the same moment of one write, since writes mask events.
/// A newline is sent as carriage return and newline.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "io/console.h"
#include "text.hpp"
#include "xen/event.h"
#include "xen/start_info.h"

namespace rf::runtime {

class Console {
public:
    /// Finds the ring. Call once, after memory.initialise.
    void initialise(const xen::start_info& info);

    /// Sends text. Waits up to five seconds for a daemon that does not read; after that text is dropped and counted.
    void write(std::string_view text);
    /// The next typed byte, if there is one.
    [[nodiscard]] std::optional<char> read();
    /// Waits until the daemon has read everything, five seconds at most.
    void flush();

    /// The port the daemon notifies; 0 if there is none.
    [[nodiscard]] xen::evtchn_port_t port() const { return port_; }
    /// Bytes no daemon took.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    void put(char byte);
    /// Sleeps until fewer than `bound` bytes wait for the daemon; false after five seconds.
    [[nodiscard]] bool wait_until_below(std::uint32_t bound);
    [[nodiscard]] std::uint32_t used() const;

    enum class Kind { none, ring, hypervisor };

    Kind kind_ = Kind::none;
    xen::xencons_interface* ring_ = nullptr;
    xen::evtchn_port_t port_ = 0;
    std::uint32_t produced_ = 0;
    std::uint64_t dropped_ = 0;
};

extern Console console;

/// Writes its arguments one after the other: text, integers, Hex{n}, Padded{n, width}.
template <class... Pieces>
void print(Pieces... pieces)
{
    (write_piece(console, pieces), ...);
}

}  // namespace rf::runtime
