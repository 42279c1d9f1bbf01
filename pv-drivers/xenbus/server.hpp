// SPDX-License-Identifier: MIT
#pragma once
/// What the event loop asks of a device, whatever its kind.

#include <chrono>
#include <optional>
#include <vector>

#include "xen/types.hpp"

namespace rf::xenbus {

class Server {
public:
    virtual ~Server() = default;

    /// When to come back.
    struct Work {
        bool more = false;                                        ///< at once
        std::optional<std::chrono::steady_clock::time_point> at;  ///< then, even if nothing happens
        bool waits = false;                                       ///< for something that another device may hold
        bool gave_back = false;                                   ///< something that another device may wait for
    };
    /// Does all that can be done now, within a bound. Cheap if there is nothing.
    virtual Work turn() = 0;

    /// The event channels that are this device's at the moment.
    [[nodiscard]] virtual std::vector<xen::LocalPort> ports() const = 0;
    /// One of them fired: does a turn for it and says whether there was any work since the last time.
    virtual bool port_fired(xen::LocalPort port) = 0;

    /// Descriptors, besides event channels, whose readability brings work just now.
    [[nodiscard]] virtual std::vector<int> wake_descriptors() const { return {}; }

    /// Takes no more requests; the frontend is not told. For a process that hands over to its successor.
    virtual void quiesce() = 0;
    /// Nothing is under way.
    [[nodiscard]] virtual bool at_rest() const = 0;
};

}  // namespace rf::xenbus
