// SPDX-License-Identifier: MIT
/// Story: an operator, or a tenant, hands in a definition. What is right becomes a complete value; what is wrong is refused
/// before anything is created, with file, line, column and the element; what means nothing here is named, not swallowed.
#include "config/domain_reader.hpp"

#include <gtest/gtest.h>

namespace rf::config {
namespace {

const std::string whole = R"(<?xml version='1.0'?>
<!-- a web server -->
<domain type='xen' id='7'>
  <name>web-1.example</name>
  <uuid>8a2f1c3e-0b4d-4c6e-9f10-112233445566</uuid>
  <title>The web &amp; mail server</title>
  <metadata><x:app xmlns:x='urn:other'><x:deep/></x:app></metadata>
  <memory unit='MiB'>256</memory>
  <currentMemory unit='MiB'>128</currentMemory>
  <vcpu current='2' cpuset='0-2,^1'>4</vcpu>
  <cputune>
    <shares>512</shares>
    <vcpupin vcpu='3' cpuset='1'/>
    <period>100000</period>
    <quota>50000</quota>
  </cputune>
  <os>
    <type arch='x86_64' machine='xenpv'>linux</type>
    <kernel>/boot/vmlinuz</kernel>
    <initrd>/boot/initrd.img</initrd>
    <cmdline>root=/dev/xvda ro console=hvc0</cmdline>
  </os>
  <clock offset='variable' adjustment='-3600'><timer name='tsc' mode='native'/></clock>
  <on_poweroff>preserve</on_poweroff>
  <on_reboot>rename-restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <emulator>/usr/bin/qemu</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/srv/web.img'/>
      <target dev='xvda' bus='xen'/>
    </disk>
    <disk type='block' device='cdrom'>
      <driver name='phy'/>
      <source dev='/dev/sr0'/>
      <target dev='xvdc'/>
    </disk>
    <interface type='bridge'>
      <mac address='00:16:3e:01:02:03'/>
      <source bridge='xenbr0'/>
      <target dev='web-net'/>
      <mtu size='9000'/>
      <bandwidth><outbound average='100'/></bandwidth>
    </interface>
    <interface type='ethernet'>
      <driver name='netback'/>
    </interface>
    <controller type='xenbus' maxGrantFrames='48' maxEventChannels='2047'/>
    <console type='pty'><target type='xen' port='0'/></console>
    <memballoon model='xen'/>
  </devices>
</domain>
)";

/// A definition that has what one must have, with something added inside <domain>.
std::string with(const std::string& inside, const std::string& memory = "<memory>131072</memory>")
{
    return "<domain type='xen'>\n<name>a</name>\n" + memory + "\n<os><type>xen</type><kernel>/k</kernel></os>\n" + inside + "\n</domain>";
}

Result<Definition> read(const std::string& text, Unknown unknown = Unknown::warn)
{
    return read_domain(text, {"guest.xml", unknown, std::nullopt});
}

std::string refusal(const std::string& text, Unknown unknown = Unknown::warn)
{
    const auto definition = read(text, unknown);
    return definition ? "accepted" : definition.error().text();
}

TEST(DomainReader, ReadsWhatLibvirtWrites)
{
    const auto definition = read(whole);
    ASSERT_TRUE(definition) << definition.error().text();
    EXPECT_TRUE(definition->warnings.empty()) << definition->warnings.front().text();
    const DomainSpec& spec = definition->spec;
    EXPECT_EQ(spec.name, "web-1.example");
    EXPECT_EQ(to_text(spec.uuid), "8a2f1c3e-0b4d-4c6e-9f10-112233445566");
    EXPECT_EQ(spec.title, "The web & mail server");
    EXPECT_EQ(spec.memory_bytes, 128u << 20);
    EXPECT_EQ(spec.maximum_memory_bytes, 256u << 20);
    EXPECT_EQ(spec.maximum_vcpus, 4u);
    EXPECT_EQ(spec.online_vcpus, 2u);
    EXPECT_EQ(spec.cpus, (std::vector<unsigned>{0, 2}));
    ASSERT_EQ(spec.pinnings.size(), 1u);
    EXPECT_EQ(spec.pinnings[0].vcpu, 3u);
    EXPECT_EQ(spec.weight, 512u);
    EXPECT_EQ(spec.cap_percent, 50u);
    EXPECT_EQ(spec.kernel, "/boot/vmlinuz");
    EXPECT_EQ(spec.initrd, "/boot/initrd.img");
    EXPECT_EQ(spec.command_line, "root=/dev/xvda ro console=hvc0");
    EXPECT_EQ(spec.tsc_mode, 2u);
    EXPECT_EQ(spec.time_offset_seconds, -3600);
    EXPECT_EQ(spec.on_poweroff, EndAction::preserve);
    EXPECT_EQ(spec.on_reboot, EndAction::rename_restart);
    EXPECT_EQ(spec.on_crash, EndAction::restart);
    EXPECT_EQ(spec.maximum_grant_frames, 48u);
    EXPECT_EQ(spec.maximum_event_channels, 2047u);
    EXPECT_EQ(spec.definition, whole);
}

TEST(DomainReader, ReadsDevices)
{
    const auto definition = read(whole);
    ASSERT_TRUE(definition);
    const DomainSpec& spec = definition->spec;
    ASSERT_EQ(spec.disks.size(), 2u);
    EXPECT_EQ(spec.disks[0].path, "/srv/web.img");
    EXPECT_EQ(spec.disks[0].virtual_device, 51712u);
    EXPECT_EQ(spec.disks[0].access, WriteAccess::read_write);
    EXPECT_EQ(spec.disks[0].backend, Backend::process);
    EXPECT_EQ(spec.disks[0].line, 29u);
    EXPECT_EQ(spec.disks[1].kind, DiskSpec::Kind::cdrom);
    EXPECT_EQ(spec.disks[1].access, WriteAccess::read_only);
    EXPECT_EQ(spec.disks[1].backend, Backend::kernel);
    EXPECT_EQ(spec.disks[1].source, DiskSpec::Source::block);
    ASSERT_EQ(spec.interfaces.size(), 2u);
    EXPECT_EQ(mac_text(spec.interfaces[0].mac), "00:16:3e:01:02:03");
    EXPECT_EQ(spec.interfaces[0].bridge, "xenbr0");
    EXPECT_EQ(spec.interfaces[0].device_name, "web-net");
    EXPECT_EQ(spec.interfaces[0].mtu, 9000u);
    EXPECT_EQ(spec.interfaces[0].rate_bytes, 102400u);
    EXPECT_EQ(spec.interfaces[1].backend, Backend::kernel);
    EXPECT_TRUE(spec.needs_backend_process());
}

TEST(DomainReader, DefaultsAreLibvirts)
{
    const auto definition = read(with(""));
    ASSERT_TRUE(definition) << definition.error().text();
    const DomainSpec& spec = definition->spec;
    EXPECT_EQ(spec.memory_bytes, 128u << 20);  // KiB is the unit when none is given
    EXPECT_EQ(spec.maximum_vcpus, 1u);
    EXPECT_EQ(spec.on_poweroff, EndAction::destroy);
    EXPECT_EQ(spec.on_reboot, EndAction::restart);
    EXPECT_EQ(spec.on_crash, EndAction::destroy);
    EXPECT_NE(spec.uuid, Uuid{});
    EXPECT_FALSE(spec.has_devices());
    EXPECT_FALSE(spec.needs_backend_process());
}

TEST(DomainReader, GeneratedAddressesStayTheSame)
{
    const std::string text = with("<devices><interface type='ethernet'/><interface type='ethernet'/></devices>");
    const Uuid uuid = *parse_uuid("00112233445566778899aabbccddeeff");
    const auto first = read_domain(text, {"f", Unknown::warn, uuid});
    const auto again = read_domain(text, {"f", Unknown::warn, uuid});
    ASSERT_TRUE(first && again);
    EXPECT_EQ(first->spec.uuid, uuid);
    EXPECT_EQ(first->spec.interfaces[0].mac, again->spec.interfaces[0].mac);
    EXPECT_NE(first->spec.interfaces[0].mac, first->spec.interfaces[1].mac);
    EXPECT_TRUE(mac_text(first->spec.interfaces[0].mac).starts_with("00:16:3e:"));
}

TEST(DomainReader, MalformedTextIsLocated)
{
    EXPECT_TRUE(refusal("<domain type='xen'>\n  <name>a</nam>\n</domain>").starts_with("guest.xml:2:")) << refusal("<domain type='xen'>\n  <name>a</nam>\n</domain>");
    EXPECT_TRUE(refusal("<domain type='xen'>").starts_with("guest.xml:1:"));
    EXPECT_NE(refusal("<domain type='xen'>\n<name>a & b</name></domain>").find("guest.xml:2:"), std::string::npos);
    EXPECT_EQ(refusal(""), "guest.xml: the file is empty");
}

TEST(DomainReader, RefusalsNameLineColumnAndElement)
{
    EXPECT_EQ(refusal("<domain type='kvm'/>"), "guest.xml:1:1: <domain>: type='kvm' is not 'xen'");
    EXPECT_TRUE(refusal(with("  <vcpu>0</vcpu>")).starts_with("guest.xml:5:3: <vcpu>: '0' is not a number from 1 to 64"));
    EXPECT_TRUE(refusal(with("<on_crash>explode</on_crash>")).starts_with("guest.xml:5:1: <on_crash>: 'explode' is not one of"));
    EXPECT_TRUE(refusal(with("", "<memory unit='parsec'>1</memory>")).starts_with("guest.xml:3:1: <memory>: unit='parsec'"));
    EXPECT_TRUE(refusal(with("", "<memory>999999999999999999999</memory>")).starts_with("guest.xml:3:1: <memory>:"));
    EXPECT_TRUE(refusal(with("", "<memory unit='TiB'>16777216</memory>")).starts_with("guest.xml:3:1: <memory>:"));
    EXPECT_EQ(refusal(with("", "")), "guest.xml:1:1: <domain>: has no <memory>");
    EXPECT_TRUE(refusal(with("<uuid>12</uuid>")).starts_with("guest.xml:5:1: <uuid>:"));
    EXPECT_TRUE(refusal(with("<bootloader>pygrub</bootloader>")).starts_with("guest.xml:5:1: <bootloader>:"));
}

TEST(DomainReader, NamesThatScriptsCannotParseAreRefused)
{
    for (const char* name : {"a b", "a/b", "", "12", "-x", "..", "caf\u00e9"})
        EXPECT_FALSE(is_good_name(name)) << name;
    EXPECT_FALSE(is_good_name(std::string(64, 'x')));
    for (const char* name : {"web", "web-1", "a.b_c+d:e@f", "7a"})
        EXPECT_TRUE(is_good_name(name)) << name;
    EXPECT_TRUE(refusal("<domain type='xen'><name>two words</name></domain>").starts_with("guest.xml:1:20: <name>: 'two words'"));
}

TEST(DomainReader, GuestsThatNeedVirtualizationAreRefused)
{
    const std::string hvm = "<domain type='xen'><name>a</name><memory>131072</memory><os><type>hvm</type></os></domain>";
    EXPECT_NE(refusal(hvm).find("<type>: 'hvm' guests need processor virtualization"), std::string::npos);
    const std::string old = "<domain type='xen'><name>a</name><memory>131072</memory><os><type arch='i686'>linux</type></os></domain>";
    EXPECT_NE(refusal(old).find("arch='i686'"), std::string::npos);
    const std::string disk_boot = "<domain type='xen'><name>a</name><memory>131072</memory><os><type>linux</type></os></domain>";
    EXPECT_NE(refusal(disk_boot).find("has no <os><kernel>"), std::string::npos);
}

TEST(DomainReader, DevicesThatCannotWorkAreRefused)
{
    const auto disk = [](const std::string& inside, const std::string& attributes = "type='file'") {
        return refusal(with("<devices>\n<disk " + attributes + ">" + inside + "</disk></devices>"));
    };
    EXPECT_NE(disk("<target dev='xvda'/>").find("guest.xml:6:1: <disk>: has no <source"), std::string::npos);
    EXPECT_NE(disk("<source file='/a'/>").find("<disk>: has no <target"), std::string::npos);
    EXPECT_NE(disk("<source file='a'/><target dev='xvda'/>").find("not an absolute path"), std::string::npos);
    EXPECT_NE(disk("<source file='/a'/><target dev='floppy'/>").find("<target>: dev='floppy'"), std::string::npos);
    EXPECT_NE(disk("<source file='/a'/><target dev='xvda'/>", "type='network'").find("type='network'"), std::string::npos);
    EXPECT_NE(disk("<driver name='phy' type='qcow2'/><source file='/a'/><target dev='xvda'/>").find("only raw images"), std::string::npos);
    const std::string one = "<disk><source file='/a'/><target dev='xvda'/></disk>";
    EXPECT_NE(refusal(with("<devices>" + one + one + "</devices>")).find("two disks are called xvda"), std::string::npos);
    EXPECT_NE(refusal(with("<devices><interface type='bridge'/></devices>")).find("<interface>: has no <source bridge"), std::string::npos);
    EXPECT_NE(refusal(with("<devices><interface type='bridge'><source bridge='x'/><mac address='01:00:00:00:00:01'/></interface></devices>"))
                  .find("not a unicast MAC"),
              std::string::npos);
    EXPECT_NE(refusal(with("<devices><hostdev/></devices>")).find("<hostdev>: this kind of device"), std::string::npos);
}

TEST(DomainReader, UnknownIsNamedAndKeptOrRefused)
{
    const std::string text = with("<future setting='1'/>\n<devices><graphics type='vnc'/></devices>");
    const auto definition = read(text);
    ASSERT_TRUE(definition);
    ASSERT_EQ(definition->warnings.size(), 2u);
    EXPECT_TRUE(definition->warnings[0].text().starts_with("guest.xml:5:1: <future>: not known"));
    EXPECT_TRUE(definition->warnings[1].text().starts_with("guest.xml:6:10: <graphics>: of no effect"));
    EXPECT_NE(definition->spec.definition.find("<future"), std::string::npos);
    EXPECT_EQ(refusal(text, Unknown::refuse), "guest.xml:5:1: <future>: unknown element (--strict)");
}

TEST(DomainReader, XlConfigurationIsRecognized)
{
    EXPECT_NE(refusal("name = \"a\"\nkernel = \"/k\"\n").find("configuration file of xl"), std::string::npos);
    EXPECT_NE(refusal("# my guest\nname='a'\n").find("configuration file of xl"), std::string::npos);
    EXPECT_EQ(refusal("not a definition").find("configuration file of xl"), std::string::npos);
}

}  // namespace
}  // namespace rf::config
