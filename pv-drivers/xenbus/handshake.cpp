// SPDX-License-Identifier: MIT
#include "xenbus/handshake.hpp"

#include <array>

namespace rf::xenbus {
namespace {

using enum Step;
using Row = std::array<Step, state_count>;

constexpr Row fresh = {wait, announce, announce, announce, announce, announce, announce, announce, announce};
constexpr Row waiting = {wait, wait, wait, connect, connect, begin_close, finish_close, wait, wait};
constexpr Row connected = {finish_close, restart, restart, serve, serve, begin_close, finish_close, wait, wait};

/// Row: own state; column: the peer's.
constexpr std::array<Row, state_count> table = {{
    /* 0 Unknown       */ fresh,
    /* 1 Initialising  */ fresh,
    /* 2 InitWait      */ waiting,
    /* 3 Initialised   */ waiting,
    /* 4 Connected     */ connected,
    /* 5 Closing       */ {finish_close, wait, wait, serve, serve, wait, finish_close, wait, wait},
    /* 6 Closed        */ {wait, announce, announce, wait, wait, wait, wait, wait, wait},
    /* 7 Reconfiguring */ connected,
    /* 8 Reconfigured  */ connected,
}};

}  // namespace

Step next_step(const View& view)
{
    if (!view.own)
        return forget;
    if (!view.online && *view.own == State::closed)
        return forget;
    if (!view.online && view.peer == State::unknown)
        return finish_close;
    return table[static_cast<std::size_t>(*view.own)][static_cast<std::size_t>(view.peer)];
}

}  // namespace rf::xenbus
