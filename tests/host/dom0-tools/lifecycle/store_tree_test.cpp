// SPDX-License-Identifier: MIT
/// Story: a guest and Debian's tools look for a domain's nodes where Xen's have always been. The guest may write only where
/// it must; devices that our process serves stand where no kernel driver takes them.
#include "lifecycle/store_tree.hpp"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace rf::lifecycle {
namespace {

using xen::DomainId;
using Nodes = std::map<std::string, std::string>;

config::DomainSpec some_spec()
{
    config::DomainSpec spec;
    spec.name = "web";
    spec.uuid = *config::parse_uuid("00112233-4455-6677-8899-aabbccddeeff");
    spec.memory_bytes = 128u << 20;
    spec.maximum_memory_bytes = 256u << 20;
    spec.maximum_vcpus = 3;
    spec.online_vcpus = 2;
    spec.kernel = "/boot/vmlinuz";
    return spec;
}

Nodes values(const StoreEntries& entries)
{
    Nodes nodes;
    for (const StoreEntry& entry : entries)
        EXPECT_TRUE(nodes.emplace(entry.path, entry.value).second) << entry.path << " twice";
    return nodes;
}

/// The permissions that a node ends up with: its own, or those of the nearest node above that has some.
std::string first_permission(const StoreEntries& entries, std::string path)
{
    for (; !path.empty(); path.resize(path.rfind('/'))) {
        const auto found = std::ranges::find_if(entries, [&](const StoreEntry& entry) { return entry.path == path && !entry.permissions.empty(); });
        if (found != entries.end())
            return found->permissions.front();
    }
    return "none";
}

TEST(StoreTree, DomainHasWhatGuestsAndToolsRead)
{
    const Nodes nodes = values(domain_entries(some_spec(), DomainId(7), 1234));
    EXPECT_EQ(nodes.at("/local/domain/7/name"), "web");
    EXPECT_EQ(nodes.at("/local/domain/7/domid"), "7");
    EXPECT_EQ(nodes.at("/local/domain/7/vm"), "/vm/00112233-4455-6677-8899-aabbccddeeff");
    EXPECT_EQ(nodes.at("/vm/00112233-4455-6677-8899-aabbccddeeff/name"), "web");
    EXPECT_EQ(nodes.at("/local/domain/7/memory/target"), "131072");
    EXPECT_EQ(nodes.at("/local/domain/7/memory/static-max"), "262144");
    EXPECT_EQ(nodes.at("/local/domain/7/cpu/1/availability"), "online");
    EXPECT_EQ(nodes.at("/local/domain/7/cpu/2/availability"), "offline");
    EXPECT_FALSE(nodes.contains("/local/domain/7/cpu/3/availability"));
    EXPECT_TRUE(nodes.contains("/local/domain/7/control/shutdown"));
}

TEST(StoreTree, GuestOwnsOnlyWhatItMustWrite)
{
    const StoreEntries entries = domain_entries(some_spec(), DomainId(7), 0);
    for (const StoreEntry& entry : entries) {
        const std::string owner = first_permission(entries, entry.path);
        const std::string name = entry.path.substr(entry.path.find("/7") == std::string::npos ? 0 : entry.path.find("/7") + 2);
        const bool writable = name == "/data" || name == "/drivers" || name == "/feature" || name == "/attr" || name == "/error" ||
                              name == "/control/shutdown" || name == "/control/sysrq" || name.starts_with("/control/feature-") ||
                              name == "/device/suspend/event-channel";
        EXPECT_EQ(owner, writable ? "n7" : "n0") << entry.path;
    }
    const builder::BuiltDomain built{xen::Mfn(0x1000), xen::Mfn(0x1001), xen::RemotePort(1), xen::RemotePort(2)};
    for (const StoreEntry& entry : ring_entries(DomainId(7), built))
        EXPECT_TRUE(entry.permissions.empty()) << entry.path;
}

TEST(StoreTree, RingsAreAnnounced)
{
    const builder::BuiltDomain built{xen::Mfn(4096), xen::Mfn(4097), xen::RemotePort(1), xen::RemotePort(2)};
    const Nodes nodes = values(ring_entries(DomainId(7), built));
    EXPECT_EQ(nodes.at("/local/domain/7/store/ring-ref"), "4096");
    EXPECT_EQ(nodes.at("/local/domain/7/store/port"), "1");
    EXPECT_EQ(nodes.at("/local/domain/7/console/ring-ref"), "4097");
    EXPECT_EQ(nodes.at("/local/domain/7/console/port"), "2");
    EXPECT_EQ(nodes.at("/local/domain/7/console/type"), "xenconsoled");
}

TEST(StoreTree, DiskServedByTheKernel)
{
    config::DiskSpec disk;
    disk.backend = config::Backend::kernel;
    disk.path = "/srv/web.img";
    disk.target = "xvda";
    disk.virtual_device = 51712;
    disk.access = config::WriteAccess::read_only;
    const StoreEntries entries = disk_entries(DomainId(7), disk, "7:0");
    const Nodes nodes = values(entries);
    const std::string back = "/local/domain/0/backend/vbd/7/51712", front = "/local/domain/7/device/vbd/51712";
    EXPECT_EQ(nodes.at(back + "/frontend"), front);
    EXPECT_EQ(nodes.at(front + "/backend"), back);
    EXPECT_EQ(nodes.at(front + "/backend-id"), "0");
    EXPECT_EQ(nodes.at(back + "/physical-device"), "7:0");
    EXPECT_EQ(nodes.at(back + "/mode"), "r");
    EXPECT_EQ(nodes.at(back + "/online"), "1");
    EXPECT_EQ(nodes.at(back + "/state"), "1");
    EXPECT_EQ(nodes.at(front + "/state"), "1");
    EXPECT_EQ(nodes.at(front + "/virtual-device"), "51712");
    EXPECT_EQ(first_permission(entries, front + "/state"), "n7");
    EXPECT_EQ(first_permission(entries, back + "/state"), "n0");
}

TEST(StoreTree, TheKernelShowsOnlyWhatItServes)
{
    EXPECT_EQ(kernel_device_path("/local/domain/0/backend/vbd/7/51712"), "/sys/bus/xen-backend/devices/vbd-7-51712");
    EXPECT_EQ(kernel_device_path("/local/domain/0/backend/vif/7/1"), "/sys/bus/xen-backend/devices/vif-7-1");
    EXPECT_EQ(kernel_device_path("/local/domain/0/backend/qdisk/7/51712"), "");
    EXPECT_EQ(kernel_device_path("/local"), "");
}

TEST(StoreTree, DevicesServedByAProcessStandApart)
{
    config::DiskSpec disk;
    disk.path = "/srv/web.img";
    disk.virtual_device = 51712;
    const Nodes block = values(disk_entries(DomainId(7), disk, ""));
    EXPECT_EQ(block.at("/local/domain/0/backend/qdisk/7/51712/type"), "file");
    EXPECT_EQ(block.at("/local/domain/0/backend/qdisk/7/51712/params"), "/srv/web.img");
    EXPECT_EQ(block.at("/local/domain/7/device/vbd/51712/backend"), "/local/domain/0/backend/qdisk/7/51712");
    EXPECT_FALSE(block.contains("/local/domain/0/backend/qdisk/7/51712/physical-device"));

    config::InterfaceSpec interface;
    interface.mac = {0, 0x16, 0x3e, 1, 2, 3};
    interface.bridge = "xenbr0";
    interface.rate_bytes = 1000000;
    interface.mtu = 9000;
    const Nodes net = values(interface_entries(DomainId(7), interface, 1));
    const std::string back = "/local/domain/0/backend/rfnet/7/1";
    EXPECT_EQ(net.at(back + "/mac"), "00:16:3e:01:02:03");
    EXPECT_EQ(net.at(back + "/bridge"), "xenbr0");
    EXPECT_EQ(net.at(back + "/rate"), "50000,50000");
    EXPECT_EQ(net.at(back + "/vifname"), "vif7.1");
    EXPECT_EQ(net.at("/local/domain/7/device/vif/1/mac"), "00:16:3e:01:02:03");
    EXPECT_EQ(net.at("/local/domain/7/device/vif/1/mtu"), "9000");
    interface.backend = config::Backend::kernel;
    EXPECT_EQ(interface_paths(DomainId(7), interface, 1).backend, "/local/domain/0/backend/vif/7/1");
}

}  // namespace
}  // namespace rf::lifecycle
