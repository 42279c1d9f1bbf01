// SPDX-License-Identifier: MIT
/// Story: most creations that fail could have been known to fail. The refusal says what is missing, where the definition asks
/// for it, and, of memory, who has it.
#include "lifecycle/preflight.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

namespace rf::lifecycle {
namespace {

DomainView domain(std::uint16_t id, const std::string& name, const config::Uuid& uuid = {}, std::uint32_t flags = 0)
{
    DomainView view{xen::DomainId(id), name, {}};
    view.info.flags = flags;
    std::ranges::copy(uuid, view.info.handle);
    return view;
}

TEST(Preflight, NamesAndIdentifiersAreUnique)
{
    config::DomainSpec spec;
    spec.name = "web";
    spec.uuid = config::random_uuid();
    EXPECT_TRUE(check_name(spec, {domain(0, "Domain-0"), domain(3, "mail")}));
    const auto taken = check_name(spec, {domain(0, "Domain-0"), domain(3, "web")});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().kind, Kind::conflict);
    EXPECT_EQ(taken.error().what, "domain 3 is already called 'web': destroy it, or choose another <name>");
    const auto twin = check_name(spec, {domain(4, "other", spec.uuid)});
    ASSERT_FALSE(twin);
    EXPECT_NE(twin.error().what.find("domain 4 ('other') already has the identifier"), std::string::npos);
    EXPECT_TRUE(check_name(spec, {domain(3, "web", spec.uuid, ::xen::XEN_DOMINF_dying)}));
}

TEST(Preflight, TooLittleMemoryNamesTheHolders)
{
    config::DomainSpec spec;
    spec.name = "web";
    spec.memory_bytes = 512u << 20;
    MemoryState memory{100u << 20, {{"Domain-0", 1u << 30}, {"mail", 256u << 20}, {"(null) (being destroyed)", 4096}}};
    const auto refused = check_memory(spec, memory);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, Kind::no_resource);
    EXPECT_NE(refused.error().what.find("514 MiB needed, 100 MiB free; held by Domain-0 1024 MiB, mail 256 MiB, (null) (being destroyed) 1 MiB"),
              std::string::npos)
        << refused.error().what;
    memory.free_bytes = memory_needed(spec);
    EXPECT_TRUE(check_memory(spec, memory));
    memory.free_bytes -= 4096;
    EXPECT_FALSE(check_memory(spec, memory));
}

TEST(Preflight, DisksAndBridgesAreLookedAt)
{
    const std::string image = "/tmp/rf-preflight-test." + std::to_string(::getpid());
    config::DomainSpec spec;
    config::DiskSpec disk;
    disk.target = "xvda";
    disk.path = image;
    disk.line = 12;
    spec.disks.push_back(disk);
    const auto missing = check_devices(spec, "web.xml");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, Kind::not_found);
    EXPECT_EQ(missing.error().what, "web.xml:12: <disk>: disk xvda, " + image + ": No such file or directory");
    std::ofstream(image) << "";
    EXPECT_NE(check_devices(spec, "web.xml").error().what.find("the image is empty"), std::string::npos);
    std::ofstream(image) << "something";
    EXPECT_TRUE(check_devices(spec, "web.xml"));
    spec.disks[0].source = config::DiskSpec::Source::block;
    EXPECT_NE(check_devices(spec, "web.xml").error().what.find("not a block device: use type='file'"), std::string::npos);
    std::filesystem::remove(image);

    config::DomainSpec net;
    config::InterfaceSpec interface;
    interface.bridge = "rf-nobridge";
    interface.line = 20;
    net.interfaces.push_back(interface);
    const auto no_bridge = check_devices(net, "web.xml");
    ASSERT_FALSE(no_bridge);
    EXPECT_EQ(no_bridge.error().kind, Kind::not_found);
    EXPECT_TRUE(no_bridge.error().what.starts_with("web.xml:20: <interface>: bridge rf-nobridge does not exist"));
    net.interfaces[0].bridge = "lo";
    EXPECT_NE(check_devices(net, "web.xml").error().what.find("lo is not a bridge"), std::string::npos);
}

TEST(Preflight, PinningsNeedTheirProcessors)
{
    config::DomainSpec spec;
    spec.cpus = {0, 1};
    EXPECT_TRUE(check_processors(spec, 2));
    spec.pinnings.push_back({0, {1, 2}});
    const auto refused = check_processors(spec, 2);
    EXPECT_TRUE(refused) << "one of the processors exists";
    spec.pinnings.push_back({1, {2}});
    EXPECT_FALSE(check_processors(spec, 2));
}

}  // namespace
}  // namespace rf::lifecycle
