// SPDX-License-Identifier: MIT
#include "rpc/ready_loop.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>

namespace rf::rpc {
namespace {

constexpr int events_per_round = 64;

epoll_event event_for(int descriptor, ReadyLoop::Interest interest)
{
    const auto wanted = static_cast<unsigned>(interest);
    epoll_event event{};
    event.events = (wanted & static_cast<unsigned>(ReadyLoop::Interest::read) ? std::uint32_t{EPOLLIN} : 0u) |
                   (wanted & static_cast<unsigned>(ReadyLoop::Interest::write) ? std::uint32_t{EPOLLOUT} : 0u);
    event.data.fd = descriptor;
    return event;
}

}  // namespace

xen::Result<ReadyLoop> ReadyLoop::create()
{
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        return xen::failure(errno, "cannot create an epoll instance");
    return ReadyLoop(xen::Descriptor(xen::Kernel::host(), poller));
}

xen::Result<void> ReadyLoop::watch(int descriptor, Interest interest, Handler handler)
{
    epoll_event event = event_for(descriptor, interest);
    if (::epoll_ctl(poller_.number(), EPOLL_CTL_ADD, descriptor, &event) != 0)
        return xen::failure(errno, "cannot watch descriptor " + std::to_string(descriptor));
    if (handlers_.size() <= static_cast<std::size_t>(descriptor))
        handlers_.resize(static_cast<std::size_t>(descriptor) + 1);
    handlers_[static_cast<std::size_t>(descriptor)] = std::move(handler);
    return {};
}

void ReadyLoop::change(int descriptor, Interest interest)
{
    epoll_event event = event_for(descriptor, interest);
    (void)::epoll_ctl(poller_.number(), EPOLL_CTL_MOD, descriptor, &event);
}

void ReadyLoop::forget(int descriptor)
{
    (void)::epoll_ctl(poller_.number(), EPOLL_CTL_DEL, descriptor, nullptr);
    handlers_[static_cast<std::size_t>(descriptor)] = nullptr;
}

unsigned ReadyLoop::wait(std::chrono::milliseconds limit)
{
    std::array<epoll_event, events_per_round> events;  // filled by the kernel as far as it says
    const int count = ::epoll_wait(poller_.number(), events.data(), events_per_round, static_cast<int>(limit.count()));
    for (int i = 0; i < count; ++i)
        if (const Handler& handler = handlers_[static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.fd)])
            handler();
    return count > 0 ? static_cast<unsigned>(count) : 0;
}

}  // namespace rf::rpc
