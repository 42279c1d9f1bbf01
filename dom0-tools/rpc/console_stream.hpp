// SPDX-License-Identifier: MIT
#pragma once
/// The flow of one console between a guest's ring, its terminal and its log; no event loop, no hypervisor.
/// Output goes to the log at once and waits for the terminal in a bounded backlog, whose oldest part is dropped when nobody
/// reads. A token bucket limits how fast a guest may write: beyond it the ring is left full, which slows down only the guest.

#include <chrono>
#include <functional>
#include <string>

#include "io/console.h"
#include "rpc/byte_ring.hpp"

namespace rf::rpc {

struct ConsoleLimits {
    std::size_t backlog = 1024 * 1024;          ///< output kept for the terminal, in bytes
    std::size_t rate = 256 * 1024;              ///< bytes per second
    std::size_t burst = 512 * 1024;             ///< bytes at once after a pause
};

class ConsoleStream {
public:
    using Clock = std::chrono::steady_clock;

    /// Takes up the ring at the indices in the page. `page` must outlive the stream.
    ConsoleStream(::xen::xencons_interface* page, const ConsoleLimits& limits, Clock::time_point now);

    /// What a step came to.
    enum class Flow {
        idle,       ///< nothing there
        moved,      ///< something moved; notify the guest and look again
        throttled,  ///< the guest must wait for its allowance
        broken,     ///< the guest's index is nonsense; the console is closed for good
    };
    /// Takes guest output, hands it to `log` and to the backlog.
    [[nodiscard]] Flow take_output(Clock::time_point now, const std::function<void(std::string_view)>& log);
    /// Room for input from the terminal, so that no key is read that cannot be delivered.
    [[nodiscard]] std::size_t input_room() const;
    /// Gives keys to the guest; `keys` must fit `input_room`.
    [[nodiscard]] Flow give_input(std::string_view keys);

    /// Output waiting for the terminal, and what it has taken.
    [[nodiscard]] std::string_view backlog() const { return std::string_view(backlog_).substr(backlog_start_); }
    void written(std::size_t count);
    [[nodiscard]] std::size_t dropped() const { return dropped_; }

private:
    void refill(Clock::time_point now);

    ::xen::xencons_interface* page_;
    ConsoleLimits limits_;
    RingReader output_;
    RingWriter input_;
    std::string backlog_;
    std::size_t backlog_start_ = 0;
    std::size_t dropped_ = 0;
    double allowance_;
    Clock::time_point refilled_;
    bool broken_ = false;
};

}  // namespace rf::rpc
