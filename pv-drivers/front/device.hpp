// SPDX-License-Identifier: MIT
#pragma once
/// What block and network frontends share: the two directories of a device in the store, and the states through which its two
/// halves meet (guest-abi/io/xenbus.h). Owner: one frontend.

#include <cstdint>
#include <string_view>

#include "front/doors.hpp"
#include "front/text.hpp"
#include "io/xenbus.h"

namespace rf::front {

/// Whether a half in this state has left, or is about to.
[[nodiscard]] constexpr bool closing_or_gone(xen::xenbus_state state)
{
    return state == xen::XenbusStateClosing || state == xen::XenbusStateClosed || state == xen::XenbusStateUnknown;
}

class Device {
public:
    explicit Device(Doors doors) : doors_(doors) {}

    /// Number of the first device of a kind ("vbd", "vif") that the domain has; ENOENT if it has none.
    [[nodiscard]] static Result<std::uint64_t> first_number(StoreClient& store, std::string_view kind);

    /// Learns who serves the device and watches that one's state. Errors: of the store, EINVAL for nonsense in it.
    [[nodiscard]] Result<void> find(std::string_view kind, std::uint64_t number);
    /// Ends the watch.
    void forget();

    [[nodiscard]] Doors& doors() { return doors_; }
    [[nodiscard]] xen::domid_t backend() const { return backend_; }
    [[nodiscard]] std::uint64_t number() const { return number_; }

    /// Whether the backend's state may be another than `backend_state` last said. Never blocks.
    [[nodiscard]] bool changed() { return doors_.store.fired(watch_); }
    /// The backend's state now; Unknown if it has none.
    [[nodiscard]] xen::xenbus_state backend_state();
    /// Whether the toolstack wants the device to be there.
    [[nodiscard]] bool wanted();
    /// Waits until the backend's state is `first` ... `last`. ETIMEDOUT after `patience` nanoseconds, ENODEV as soon as the
    /// backend says it is closing or closed and that was not waited for.
    [[nodiscard]] Result<void> wait_for_backend(xen::xenbus_state first, xen::xenbus_state last, std::uint64_t patience);

    /// Takes leave: Closing, Closed, and waits for the backend to be Closed, for only then has it let go of every page.
    [[nodiscard]] Result<void> leave();

    [[nodiscard]] Result<void> set_state(xen::xenbus_state state) { return write_number("state", state); }
    /// Nodes of the own directory.
    [[nodiscard]] Result<void> write_number(std::string_view name, std::uint64_t value);
    [[nodiscard]] Result<void> write_text(std::string_view name, std::string_view value);
    [[nodiscard]] Result<std::string_view> read_own(std::string_view name, std::span<char> room);
    /// Nodes of the backend's directory.
    [[nodiscard]] Result<std::uint64_t> backend_number(std::string_view name);
    /// As above; 0 if there is none.
    [[nodiscard]] std::uint64_t backend_flag(std::string_view name) { return backend_number(name).value_or(0); }

    /// How long a device may take to come or go.
    static constexpr std::uint64_t usual_patience = 30'000'000'000;

private:
    static constexpr std::size_t path_size = 128;
    using Path = ShortText<path_size>;

    [[nodiscard]] Path own_node(std::string_view name) const { return Path{own_.view(), "/", name}; }
    [[nodiscard]] Path backend_node(std::string_view name) const { return Path{backend_path_.view(), "/", name}; }

    Doors doors_;
    Path own_;
    Path backend_path_;
    std::uint64_t number_ = 0;
    xen::domid_t backend_ = 0;
    Watch watch_{};
    bool watching_ = false;
};

}  // namespace rf::front
