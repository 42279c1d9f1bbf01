// SPDX-License-Identifier: MIT
#include "net/tap.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rf::net {
namespace {

/// Packets that wait in the host for a guest that does not take them.
constexpr int queue_length = 512;
/// Bytes that a guest may have on their way through the host, per queue.
constexpr int send_buffer = 1 << 20;
/// The highest address there is, so that a bridge never takes it for its own; as Xen's tools do.
constexpr unsigned char tap_address[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};

ifreq request_for(const std::string& name)
{
    ifreq request{};
    std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
    return request;
}

Result<xen::Descriptor> open_queue(const TapOrder& order)
{
    xen::Kernel& kernel = xen::Kernel::host();
    auto device = xen::Descriptor::open(kernel, "/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (!device)
        return device;
    ifreq request = request_for(order.name);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    const long made = kernel.ioctl(device->number(), TUNSETIFF, &request);
    if (made < 0)
        return xen::failure(made == -EBUSY ? EAGAIN : made, "cannot create the interface " + order.name);
    int bytes = send_buffer;
    const long bounded = kernel.ioctl(device->number(), TUNSETSNDBUF, &bytes);
    if (bounded < 0)
        return xen::failure(bounded, "cannot bound the send buffer of " + order.name);
    return device;
}

Result<void> apply(const xen::Descriptor& socket, unsigned long code, ifreq& request, const std::string& what)
{
    const long result = socket.kernel().ioctl(socket.number(), code, &request);
    if (result < 0)
        return xen::failure(result, what);
    return {};
}

/// The host itself does not speak through this interface; it must not send its own IPv6 greetings into the guest.
void silence_ip_v6(const std::string& name)
{
    const std::string path = "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6";
    if (std::FILE* file = std::fopen(path.c_str(), "w")) {
        std::fputs("1", file);
        std::fclose(file);
    }
}

Result<void> configure(const TapOrder& order)
{
    const xen::Descriptor socket(xen::Kernel::host(), ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket)
        return xen::failure(errno, "cannot open a socket");
    ifreq request = request_for(order.name);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, tap_address, sizeof tap_address);
    if (auto done = apply(socket, SIOCSIFHWADDR, request, "cannot set the address of " + order.name); !done)
        return done;
    request = request_for(order.name);
    request.ifr_mtu = static_cast<int>(order.mtu);
    if (auto done = apply(socket, SIOCSIFMTU, request, "cannot set the MTU of " + order.name); !done)
        return done;
    request = request_for(order.name);
    request.ifr_qlen = queue_length;
    if (auto done = apply(socket, SIOCSIFTXQLEN, request, "cannot set the queue length of " + order.name); !done)
        return done;
    silence_ip_v6(order.name);
    if (!order.bridge.empty()) {
        request = request_for(order.bridge);
        request.ifr_ifindex = static_cast<int>(::if_nametoindex(order.name.c_str()));
        auto done = apply(socket, SIOCBRADDIF, request, "cannot put " + order.name + " on bridge " + order.bridge);
        // It is on one already: the interface of a process that is just ending was joined.
        if (!done && done.error().code == EBUSY)
            return xen::failure(EAGAIN, done.error().message);
        if (!done)
            return done;
    }
    request = request_for(order.name);
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_BROADCAST | IFF_MULTICAST;
    return apply(socket, SIOCSIFFLAGS, request, "cannot bring " + order.name + " up");
}

}  // namespace

Result<std::vector<xen::Descriptor>> open_tap(const TapOrder& order)
{
    if (order.name.empty() || order.name.size() >= IFNAMSIZ || order.bridge.size() >= IFNAMSIZ ||
        order.name.find_first_of("/%: ") != std::string::npos)
        return xen::failure(EINVAL, "'" + order.name + "' on '" + order.bridge + "': no good interface names");
    std::vector<xen::Descriptor> queues;
    for (std::uint32_t i = 0; i < order.queues; ++i) {
        auto queue = open_queue(order);
        if (!queue)
            return std::unexpected(queue.error());
        queues.push_back(std::move(*queue));
    }
    if (auto configured = configure(order); !configured)
        return std::unexpected(configured.error());
    return queues;
}

Result<void> TapQueue::set_offloads(unsigned offloads)
{
    // The argument is the value itself, not its address.
    if (::ioctl(descriptor_.number(), TUNSETOFFLOAD, static_cast<unsigned long>(offloads)) < 0)
        return xen::failure(errno, "cannot set the offloads of the tap");
    return {};
}

Result<void> TapQueue::set_use(Use use)
{
    if (use == use_)
        return {};
    ifreq request{};
    request.ifr_flags = use == Use::attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
    if (::ioctl(descriptor_.number(), TUNSETQUEUE, &request) < 0)
        return xen::failure(errno, "cannot attach or detach a queue of the tap");
    use_ = use;
    return {};
}

}  // namespace rf::net
