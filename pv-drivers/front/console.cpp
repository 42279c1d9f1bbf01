// SPDX-License-Identifier: MIT
#include "front/console.hpp"

namespace rf::front {

namespace {

/// How long a daemon may leave a full ring alone.
constexpr std::uint64_t poll_nanoseconds = 10'000'000;
constexpr int patience_in_polls = 500;

}  // namespace

Console::Console(xen::xencons_interface& ring, Port port, EventChannels& events)
    : out_(ring.out, ring.out_prod, ring.out_cons), in_(ring.in, ring.in_prod, ring.in_cons), events_(&events), port_(port)
{
}

void Console::write(std::string_view text)
{
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        put(line);
        text.remove_prefix(line.size());
        if (!text.empty()) {
            put("\r\n");
            text.remove_prefix(1);
        }
    }
    show();
}

void Console::put(std::string_view piece)
{
    for (;;) {
        piece.remove_prefix(out_.put(piece));
        if (piece.empty())
            return;
        show();
        // once the daemon proved dead, only look, so that a guest without one still gets on with its work
        if (dropped_ != 0 || out_.broken() || !wait_until_at_most(xen::XENCONS_OUT_SIZE - 1)) {
            dropped_ += piece.size();
            return;
        }
    }
}

void Console::show()
{
    if (!out_.attached())
        return;
    out_.publish();
    events_->notify(port_);
}

std::optional<char> Console::read()
{
    char byte = 0;
    if (in_.take({&byte, 1}) == 0)
        return std::nullopt;
    in_.publish();
    events_->notify(port_);
    return byte;
}

void Console::flush()
{
    if (out_.attached() && dropped_ == 0)
        static_cast<void>(wait_until_at_most(0));
}

bool Console::wait_until_at_most(std::uint32_t bound)
{
    for (int poll = 0; poll < patience_in_polls; ++poll) {
        if (out_.used() <= bound)
            return !out_.broken();
        events_->poll(port_, poll_nanoseconds);
    }
    return out_.used() <= bound && !out_.broken();
}

}  // namespace rf::front
