// SPDX-License-Identifier: MIT
#include "lifecycle/bridge.hpp"

#include <cstring>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/sockios.h>
#include <unistd.h>

namespace rf::lifecycle {
namespace {

using builder::Result;
using builder::fail;

/// One interface request on a throw-away socket.
Result<void> request(unsigned long command, ifreq& block, const std::string& doing)
{
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0)
        return fail(builder::kind_of(errno), doing + ": " + std::strerror(errno));
    const int result = ::ioctl(socket, command, &block);
    const int problem = errno;
    ::close(socket);
    if (result != 0)
        return fail(builder::kind_of(problem), doing + ": " + std::strerror(problem));
    return {};
}

ifreq block_for(const std::string& name)
{
    ifreq block{};
    std::strncpy(block.ifr_name, name.c_str(), IFNAMSIZ - 1);
    return block;
}

}  // namespace

bool interface_exists(const std::string& name)
{
    return ::if_nametoindex(name.c_str()) != 0;
}

bool is_bridge(const std::string& name)
{
    struct stat status {};
    return ::stat(("/sys/class/net/" + name + "/bridge").c_str(), &status) == 0;
}

Result<void> rename_interface(const std::string& from, const std::string& to)
{
    ifreq block = block_for(from);
    std::strncpy(block.ifr_newname, to.c_str(), IFNAMSIZ - 1);
    return request(SIOCSIFNAME, block, "cannot rename interface " + from + " to " + to);
}

Result<void> set_interface_mtu(const std::string& name, unsigned mtu)
{
    ifreq block = block_for(name);
    block.ifr_mtu = static_cast<int>(mtu);
    return request(SIOCSIFMTU, block, "cannot set the MTU of " + name);
}

Result<void> connect_interface(const std::string& name, const std::string& bridge)
{
    if (!bridge.empty()) {
        ifreq block = block_for(bridge);
        block.ifr_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
        if (block.ifr_ifindex == 0)
            return fail(builder::Kind::unreachable, "interface " + name + " has gone");
        BUILD_CHECK(request(SIOCBRADDIF, block, "cannot attach " + name + " to bridge " + bridge));
    }
    ifreq block = block_for(name);
    BUILD_CHECK(request(SIOCGIFFLAGS, block, "cannot bring up " + name));
    block.ifr_flags = static_cast<short>(block.ifr_flags | IFF_UP);
    return request(SIOCSIFFLAGS, block, "cannot bring up " + name);
}

}  // namespace rf::lifecycle
