// SPDX-License-Identifier: MIT
#pragma once
/// The door to /dev/xen/evtchn: a set of event-channel ports that this process listens to and may notify.
/// One object = one open device = one queue of pending ports. A port that was reported by `pending` stays masked until
/// `unmask`. Ports are closed one by one with `unbind` or all together by the destructor.

#include <span>
#include <vector>

#include "xen/descriptor.hpp"
#include "xen/types.hpp"

namespace rf::xen {

class EventChannels {
public:
    [[nodiscard]] static Result<EventChannels> open(Kernel& kernel = Kernel::host());

    /// Connects to a port that `domain` has offered to us. EINVAL if it is not offered or already taken.
    [[nodiscard]] Result<LocalPort> bind_interdomain(DomainId domain, RemotePort port);
    /// Allocates a port that `domain` may connect to.
    [[nodiscard]] Result<LocalPort> bind_unbound(DomainId domain);
    /// Binds a virtual interrupt. EEXIST (EBUSY) if another process of this domain holds a global one.
    [[nodiscard]] Result<LocalPort> bind_virq(std::uint32_t virq);
    /// Closes one port; the peer's side becomes unbound again.
    [[nodiscard]] Result<void> unbind(LocalPort port);
    [[nodiscard]] Result<void> notify(LocalPort port);
    /// Lets the port be delivered again after it was reported.
    [[nodiscard]] Result<void> unmask(LocalPort port) { return unmask(std::span(&port, 1)); }
    /// The same for several with one system call, for each of which the kernel allocates and clears a page.
    [[nodiscard]] Result<void> unmask(std::span<const LocalPort> ports);
    /// Reads the ports that fired, at most `limit`; empty when none is pending.
    [[nodiscard]] Result<std::vector<LocalPort>> pending(std::size_t limit = 128);

    /// For poll/epoll: readable when a port is pending.
    [[nodiscard]] int descriptor() const { return device_.number(); }

private:
    explicit EventChannels(Descriptor device) : device_(std::move(device)) {}

    Descriptor device_;
};

}  // namespace rf::xen
