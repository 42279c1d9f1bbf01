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
    /// After the turn that followed an event of one of them: whether there was any work since the last time this was asked.
    [[nodiscard]] virtual bool worked(xen::LocalPort port) = 0;

    /// Adds the descriptors, besides event channels, whose readability brings work just now. Nothing else is looked at before
    /// `readable` says so.
    virtual void add_wake_descriptors(std::vector<int>&) const {}
    /// A descriptor, perhaps this device's, is readable: the next turn is to look at it.
    virtual void readable(int) {}

    /// Takes no more requests; the frontend is not told. For a process that hands over to its successor.
    virtual void quiesce() = 0;
    /// Nothing is under way.
    [[nodiscard]] virtual bool at_rest() const = 0;
};

}  // namespace rf::xenbus
