// SPDX-License-Identifier: MIT
#include "rpc/console_session.hpp"

#include <boost/asio/post.hpp>

#include "rpc/log.hpp"

namespace rf::rpc {
namespace {

using boost::system::error_code;
using Terminal = boost::asio::posix::stream_descriptor;

/// Ring loads taken before other consoles get their turn.
constexpr int takes_per_pump = 4;
constexpr auto allowance_pause = std::chrono::milliseconds(100);

::xen::xencons_interface* console_interface_in(const SharedPage& page)
{
    return reinterpret_cast<::xen::xencons_interface*>(page.data());
}

}  // namespace

ConsoleSession::ConsoleSession(boost::asio::io_context& io, xen::EventChannels& events, const Place& place, Parts parts,
                               std::string log_path, const ConsoleLimits& limits, const ConsoleLogLimits& log_limits)
    : io_(io), events_(events), place_(place), page_(std::move(parts.page)), port_(parts.port),
      stream_(console_interface_in(page_), limits, ConsoleStream::Clock::now()), terminal_(std::move(parts.terminal)),
      log_(std::move(log_path), log_limits), terminal_wait_(io, terminal_.descriptor()), allowance_timer_(io)
{
}

ConsoleSession::~ConsoleSession()
{
    terminal_wait_.release();  // the descriptor belongs to terminal_
    if (has_ring_)
        (void)events_.unbind(port_);  // a port that is gone already is as good
}

void ConsoleSession::on_event()
{
    masked_ = true;
    pump();
}

void ConsoleSession::notify()
{
    if (auto sent = events_.notify(port_); !sent)
        log(Severity::warning, sent.error().text());
}

void ConsoleSession::take_output()
{
    bool moved = false;
    for (int i = 0; i < takes_per_pump; ++i) {
        const auto flow = stream_.take_output(ConsoleStream::Clock::now(), [this](std::string_view bytes) { log_.write(bytes); });
        if (flow == ConsoleStream::Flow::moved) {
            moved = true;
            continue;
        }
        if (flow == ConsoleStream::Flow::throttled)
            await_allowance();
        if (flow == ConsoleStream::Flow::idle && masked_) {
            masked_ = false;
            if (auto armed = events_.unmask(port_); !armed)
                log(Severity::warning, armed.error().text());
        }
        if (moved)
            notify();
        return;
    }
    notify();
    boost::asio::post(io_, [weak = weak_from_this()] {
        if (const auto self = weak.lock())
            self->pump();
    });
}

void ConsoleSession::pump()
{
    if (has_ring_ && !throttled_)
        take_output();
    write_terminal();
    await_keys();
}

void ConsoleSession::await_allowance()
{
    throttled_ = true;
    allowance_timer_.expires_after(allowance_pause);
    allowance_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!self || error)
            return;
        self->throttled_ = false;
        self->pump();
    });
}

void ConsoleSession::write_terminal()
{
    while (!stream_.backlog().empty()) {
        const std::size_t count = terminal_.write(stream_.backlog());
        if (count == 0)
            break;
        stream_.written(count);
    }
    if (stream_.backlog().empty() || writing_)
        return;
    writing_ = true;
    terminal_wait_.async_wait(Terminal::wait_write, [weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!self || error)
            return;
        self->writing_ = false;
        self->write_terminal();
    });
}

void ConsoleSession::await_keys()
{
    if (!has_ring_ || reading_ || stream_.input_room() == 0)
        return;
    reading_ = true;
    terminal_wait_.async_wait(Terminal::wait_read, [weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!self || error)
            return;
        self->reading_ = false;
        if (!self->has_ring_)
            return;
        const std::string keys = self->terminal_.read(self->stream_.input_room());
        if (!keys.empty() && self->stream_.give_input(keys) == ConsoleStream::Flow::moved)
            self->notify();
        self->await_keys();
    });
}

void ConsoleSession::retire()
{
    if (!has_ring_)
        return;
    // At most one ring's worth is left: the guest does not run any more.
    (void)stream_.take_output(ConsoleStream::Clock::now(), [this](std::string_view bytes) { log_.write(bytes); });
    has_ring_ = false;
    allowance_timer_.cancel();
    (void)events_.unbind(port_);  // a port that is gone already is as good
    page_ = {};
    write_terminal();
}

}  // namespace rf::rpc
