// SPDX-License-Identifier: MIT
#include "xen/event_channels.hpp"

#include <cerrno>
#include <fcntl.h>

#include "xen/uapi.hpp"

namespace rf::xen {

Result<EventChannels> EventChannels::open(Kernel& kernel)
{
    auto device = Descriptor::open(kernel, "/dev/xen/evtchn", O_RDWR | O_NONBLOCK);
    if (!device)
        return std::unexpected(device.error());
    return EventChannels(std::move(*device));
}

Result<LocalPort> EventChannels::bind_interdomain(DomainId domain, RemotePort port)
{
    uapi::EvtchnBindInterdomain block{domain.value, port.value};
    const long result = device_.kernel().ioctl(device_.number(), uapi::evtchn_bind_interdomain, &block);
    if (result < 0)
        return failure(result, "cannot bind event channel " + std::to_string(port.value) + " of domain " +
                                   std::to_string(domain.value));
    return LocalPort(static_cast<std::uint32_t>(result));
}

Result<LocalPort> EventChannels::bind_unbound(DomainId domain)
{
    uapi::EvtchnBindUnbound block{domain.value};
    const long result = device_.kernel().ioctl(device_.number(), uapi::evtchn_bind_unbound, &block);
    if (result < 0)
        return failure(result, "cannot offer an event channel to domain " + std::to_string(domain.value));
    return LocalPort(static_cast<std::uint32_t>(result));
}

Result<LocalPort> EventChannels::bind_virq(std::uint32_t virq)
{
    uapi::EvtchnBindVirq block{virq};
    const long result = device_.kernel().ioctl(device_.number(), uapi::evtchn_bind_virq, &block);
    if (result < 0)
        return failure(result, "cannot bind virtual interrupt " + std::to_string(virq));
    return LocalPort(static_cast<std::uint32_t>(result));
}

Result<void> EventChannels::unbind(LocalPort port)
{
    uapi::EvtchnPort block{port.value};
    const long result = device_.kernel().ioctl(device_.number(), uapi::evtchn_unbind, &block);
    if (result < 0)
        return failure(result, "cannot close event channel " + std::to_string(port.value));
    return {};
}

Result<void> EventChannels::notify(LocalPort port)
{
    uapi::EvtchnPort block{port.value};
    const long result = device_.kernel().ioctl(device_.number(), uapi::evtchn_notify, &block);
    if (result < 0)
        return failure(result, "cannot notify event channel " + std::to_string(port.value));
    return {};
}

Result<void> EventChannels::unmask(std::span<const LocalPort> ports)
{
    static_assert(sizeof(LocalPort) == sizeof(std::uint32_t), "the kernel reads the ports as they lie");
    const auto bytes = std::as_bytes(ports);
    const long result = device_.kernel().write(device_.number(), bytes);
    if (result != static_cast<long>(bytes.size()))
        return failure(result < 0 ? result : EIO, "cannot unmask " + std::to_string(ports.size()) + " event channel(s) from " +
                                                      std::to_string(ports.empty() ? 0 : ports[0].value));
    return {};
}

Result<std::vector<LocalPort>> EventChannels::pending(std::size_t limit)
{
    std::vector<std::uint32_t> raw(limit);
    const long result = device_.kernel().read(device_.number(), std::as_writable_bytes(std::span(raw)));
    if (result == -EAGAIN || result == -EINTR)
        return std::vector<LocalPort>{};
    if (result < 0)
        return failure(result, "cannot read pending event channels");
    raw.resize(static_cast<std::size_t>(result) / sizeof(std::uint32_t));
    return std::vector<LocalPort>(raw.begin(), raw.end());
}

}  // namespace rf::xen
