// SPDX-License-Identifier: MIT
#pragma once
/// How the backend's half of a device answers what it sees in the store: a table, nothing else.
///
///                    announce                connect
///   1 Initialising ----------> 2 InitWait ------------> 4 Connected --.
///         ^                        |  ^                   |   | peer 1, 2: restart (drop the rings, announce again)
///         | toolstack              |  '-------------------|---'
///         |                 peer 5 |               peer 5 | (or the toolstack writes 5)
///         |                        v                      v
///   peer 1, online: announce <- 6 Closed <-finish_close- 5 Closing      6 and not online: forget
///
/// A backend process that starts and finds its own state 4 (or 5) with a peer in 3 or 4 is the successor of one that died:
/// `serve` then means to join the rings where the dead one left them, and the peer never learns of it.
/// States 7 and 8 of a peer change nothing.

#include <optional>

#include "xenbus/state.hpp"

namespace rf::xenbus {

enum class Step : std::uint8_t {
    wait,          ///< nothing to do
    announce,      ///< open the device, write its features, go to InitWait
    connect,       ///< map the rings, go to Connected
    serve,         ///< like connect if no ring is mapped, for a connection that is up already; else nothing
    restart,       ///< the frontend began anew: unmap, then announce
    begin_close,   ///< stop, unmap, go to Closing
    finish_close,  ///< stop, unmap, go to Closed
    forget         ///< stop, unmap, write nothing: the device is over
};

/// What the store says.
struct View {
    std::optional<State> own;  ///< empty: the toolstack has removed the backend's directory
    State peer = State::unknown;
    bool online = false;  ///< the toolstack wants the device to stay after a close
};

[[nodiscard]] Step next_step(const View& view);

}  // namespace rf::xenbus
