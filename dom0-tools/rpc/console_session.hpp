// SPDX-License-Identifier: MIT
#pragma once
/// One domain's console at work: ring, event channel, terminal, log, and the waits that drive them.
/// The ring and the port are given up when the domain dies, at once, so that its memory can be freed; the terminal lingers a
/// little for whoever is still reading the last words.

#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "rpc/console_log.hpp"
#include "rpc/console_stream.hpp"
#include "rpc/pseudo_terminal.hpp"
#include "rpc/shared_page.hpp"
#include "xen/event_channels.hpp"

namespace rf::rpc {

class ConsoleSession : public std::enable_shared_from_this<ConsoleSession> {
public:
    /// Where the toolstack says that the console is.
    struct Place {
        std::uint64_t frame = 0;
        std::uint32_t port = 0;
        friend bool operator==(const Place&, const Place&) = default;
    };
    struct Parts {
        SharedPage page;
        xen::LocalPort port;
        PseudoTerminal terminal;
    };

    ConsoleSession(boost::asio::io_context& io, xen::EventChannels& events, const Place& place, Parts parts,
                   std::string log_path, const ConsoleLimits& limits, const ConsoleLogLimits& log_limits);
    ~ConsoleSession();

    /// The guest's event was reported; it stays masked until everything has been taken.
    void on_event();
    /// Moves what there is to move.
    void pump();
    /// Takes the last output and gives the ring and the port back.
    void retire();

    [[nodiscard]] const Place& place() const { return place_; }
    [[nodiscard]] xen::LocalPort port() const { return port_; }
    [[nodiscard]] const std::string& terminal_path() const { return terminal_.path(); }
    /// Whether the terminal has taken all output.
    [[nodiscard]] bool is_flushed() const { return stream_.backlog().empty(); }

private:
    void take_output();
    void notify();
    void await_allowance();
    void write_terminal();
    void await_keys();

    boost::asio::io_context& io_;
    xen::EventChannels& events_;
    Place place_;
    SharedPage page_;
    xen::LocalPort port_;
    ConsoleStream stream_;
    PseudoTerminal terminal_;
    ConsoleLog log_;
    boost::asio::posix::stream_descriptor terminal_wait_;
    boost::asio::steady_timer allowance_timer_;
    bool has_ring_ = true;
    bool masked_ = false;
    bool reading_ = false;
    bool writing_ = false;
    bool throttled_ = false;
};

}  // namespace rf::rpc
