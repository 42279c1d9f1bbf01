// SPDX-License-Identifier: MIT
#pragma once
/// The domain's console: the frontend at the ring that the domain builder told, or in the control domain the hypervisor's own.
///
/// Usable from the main program and from handlers; both never run at the same moment of one write, since writes mask events.

#include <cstdint>
#include <optional>
#include <string_view>

#include "front/console.hpp"
#include "text.hpp"
#include "xen/start_info.h"

namespace rf::runtime {

class Console {
public:
    /// Finds the ring. Call once, after memory.initialise.
    void initialise(const xen::start_info& info);

    /// Sends text; see front::Console.
    void write(std::string_view text);
    /// The next typed byte, if there is one.
    [[nodiscard]] std::optional<char> read();
    /// Waits until the daemon has read everything, five seconds at most.
    void flush() { ring_.flush(); }

    /// The port the daemon notifies; 0 if there is none.
    [[nodiscard]] front::Port port() const { return port_; }
    /// Bytes no daemon took.
    [[nodiscard]] std::uint64_t dropped() const { return ring_.dropped(); }

private:
    enum class Kind { none, ring, hypervisor };

    Kind kind_ = Kind::none;
    front::Console ring_;
    front::Port port_ = 0;
};

extern Console console;

/// Writes its arguments one after the other: text, integers, Hex{n}, Padded{n, width}.
template <class... Pieces>
void print(Pieces... pieces)
{
    (write_piece(console, pieces), ...);
}

}  // namespace rf::runtime
