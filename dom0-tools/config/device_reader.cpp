// SPDX-License-Identifier: MIT
#include "config/device_reader.hpp"

namespace rf::config {
namespace {

constexpr unsigned most_devices = 64;      ///< of one kind
constexpr std::size_t longest_device_name = 15;  ///< the kernel's limit for interface names

bool is_device_name(std::string_view name)
{
    return !name.empty() && name.size() <= longest_device_name && name != "." && name != ".." &&
           std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127 && c != '/' && c != ':'; });
}

}  // namespace

Result<void> DeviceReader::read(const Element& devices)
{
    using Child = Reading::Child<DeviceReader>;
    static constexpr Child known[] = {
        {"disk", &DeviceReader::disk},
        {"interface", &DeviceReader::interface},
        {"controller", &DeviceReader::controller},
        {"console", &DeviceReader::console},
        {"serial", &DeviceReader::ignored},
        {"channel", &DeviceReader::unsupported},
        {"hostdev", &DeviceReader::unsupported},
        {"filesystem", &DeviceReader::unsupported},
        {"tpm", &DeviceReader::unsupported},
        {"graphics", &DeviceReader::ignored},
        {"video", &DeviceReader::ignored},
        {"input", &DeviceReader::ignored},
        {"sound", &DeviceReader::ignored},
        {"emulator"},
        {"memballoon"},
        {"alias"},
        {"address"},
    };
    return reading_.read_children<DeviceReader>(*this, devices, known);
}

Result<void> DeviceReader::ignored(const Element& element)
{
    reading_.warn(element, "of no effect for a paravirtual domain");
    return {};
}

Result<void> DeviceReader::unsupported(const Element& element)
{
    return reading_.refuse(element, "this kind of device is not supported: remove it");
}

Result<void> DeviceReader::disk(const Element& element)
{
    if (spec_.disks.size() == most_devices)
        return reading_.refuse(element, "more than " + std::to_string(most_devices) + " disks");
    DiskSpec disk;
    disk.line = element.line;
    static constexpr std::pair<std::string_view, DiskSpec::Source> types[] = {
        {"file", DiskSpec::Source::file}, {"block", DiskSpec::Source::block}};
    disk.source = CONFIG_TRY((reading_.word<DiskSpec::Source>(element, element.attribute("type").value_or("file"), "type=", types)));
    static constexpr std::pair<std::string_view, DiskSpec::Kind> kinds[] = {
        {"disk", DiskSpec::Kind::disk}, {"cdrom", DiskSpec::Kind::cdrom}};
    disk.kind = CONFIG_TRY((reading_.word<DiskSpec::Kind>(element, element.attribute("device").value_or("disk"), "device=", kinds)));
    if (disk.kind == DiskSpec::Kind::cdrom || element.child("readonly"))
        disk.access = WriteAccess::read_only;

    for (const Element& child : element.children) {
        if (child.name == "driver")
            CONFIG_CHECK(disk_driver(child, disk));
        else if (child.name == "source")
            CONFIG_CHECK(disk_source(child, disk));
        else if (child.name == "target")
            CONFIG_CHECK(disk_target(child, disk));
        else if (child.name == "backenddomain")
            return reading_.refuse(child, "disks of other backend domains than Dom0 are not supported");
        else if (child.name == "iotune" || child.name == "boot" || child.name == "shareable")
            reading_.warn(child, "not supported yet: without effect");
        else if (child.name != "readonly" && child.name != "alias" && child.name != "address" && child.name != "serial" &&
                 child.name != "blockio" && child.name != "backingStore")
            CONFIG_CHECK(reading_.unknown(child));
    }
    if (disk.path.empty())
        return reading_.refuse(element, "has no <source file='...'/> or <source dev='...'/>");
    if (disk.target.empty())
        return reading_.refuse(element, "has no <target dev='xvda'/>");
    if (disk.backend == Backend::kernel && disk.format != DiskSpec::Format::raw)
        return reading_.refuse(element, "the kernel's block driver serves only raw images: use <driver name='rf' type='qcow2'/>");
    for (const DiskSpec& other : spec_.disks)
        if (other.virtual_device == disk.virtual_device)
            return reading_.refuse(element, "two disks are called " + disk.target);
    spec_.disks.push_back(std::move(disk));
    return {};
}

Result<void> DeviceReader::disk_driver(const Element& element, DiskSpec& disk)
{
    static constexpr std::pair<std::string_view, Backend> names[] = {
        {"rf", Backend::process}, {"qemu", Backend::process}, {"tap", Backend::process},
        {"phy", Backend::kernel}, {"file", Backend::kernel}};
    if (const auto name = element.attribute("name"))
        disk.backend = CONFIG_TRY((reading_.word<Backend>(element, *name, "name=", names)));
    static constexpr std::pair<std::string_view, DiskSpec::Format> formats[] = {
        {"raw", DiskSpec::Format::raw}, {"aio", DiskSpec::Format::raw}, {"qcow2", DiskSpec::Format::qcow2}};
    if (const auto type = element.attribute("type"))
        disk.format = CONFIG_TRY((reading_.word<DiskSpec::Format>(element, *type, "type=", formats)));
    static constexpr std::pair<std::string_view, bool> discards[] = {{"unmap", true}, {"on", true}, {"ignore", false}, {"off", false}};
    if (const auto discard = element.attribute("discard"))
        disk.discard = CONFIG_TRY((reading_.word<bool>(element, *discard, "discard=", discards)));
    return {};
}

Result<void> DeviceReader::disk_source(const Element& element, DiskSpec& disk)
{
    const char* const name = disk.source == DiskSpec::Source::file ? "file" : "dev";
    const auto path = element.attribute(name);
    if (!path || path->empty())
        return reading_.refuse(element, std::string("has no ") + name + "= attribute");
    if (path->front() != '/')
        return reading_.refuse(element, "'" + std::string(*path) + "' is not an absolute path");
    disk.path = *path;
    return {};
}

Result<void> DeviceReader::disk_target(const Element& element, DiskSpec& disk)
{
    disk.target = element.attribute("dev").value_or("");
    const auto number = parse_disk_name(disk.target);
    if (!number)
        return reading_.refuse(element, "dev='" + disk.target + "' is not a disk name such as xvda");
    disk.virtual_device = *number;
    return {};
}

Result<void> DeviceReader::interface(const Element& element)
{
    if (spec_.interfaces.size() == most_devices)
        return reading_.refuse(element, "more than " + std::to_string(most_devices) + " interfaces");
    InterfaceSpec interface;
    interface.line = element.line;
    const std::string_view type = element.attribute("type").value_or("bridge");
    if (type != "bridge" && type != "ethernet" && type != "network")
        return reading_.refuse(element, "type='" + std::string(type) + "' is not supported: use bridge or ethernet");
    for (const Element& child : element.children) {
        if (child.name == "source") {
            CONFIG_CHECK(interface_source(child, interface));
        } else if (child.name == "mac") {
            const auto mac = parse_mac(child.attribute("address").value_or(""));
            if (!mac)
                return reading_.refuse(child, "address='" + std::string(child.attribute("address").value_or("")) +
                                                  "' is not a unicast MAC address such as 00:16:3e:12:34:56");
            interface.mac = *mac;
        } else if (child.name == "driver") {
            static constexpr std::pair<std::string_view, Backend> names[] = {{"rf", Backend::process}, {"netback", Backend::kernel}};
            if (const auto name = child.attribute("name"))
                interface.backend = CONFIG_TRY((reading_.word<Backend>(child, *name, "name=", names)));
        } else if (child.name == "target") {
            interface.device_name = child.attribute("dev").value_or("");
            if (!is_device_name(interface.device_name))
                return reading_.refuse(child, "dev='" + interface.device_name + "' is not an interface name of at most 15 characters");
        } else if (child.name == "mtu") {
            if (const auto mtu = CONFIG_TRY(reading_.number(child, "size", 68, 65535)))
                interface.mtu = static_cast<unsigned>(*mtu);
        } else if (child.name == "bandwidth") {
            if (const Element* outbound = child.child("outbound"))
                if (const auto rate = CONFIG_TRY(reading_.number(*outbound, "average", 1, 1u << 30)))
                    interface.rate_bytes = *rate * 1024;
            if (const Element* inbound = child.child("inbound"))
                reading_.warn(*inbound, "not supported: without effect");
        } else if (child.name == "script") {
            interface.script = child.attribute("path").value_or("");
            reading_.warn(child, "scripts are not run: the interface is attached to its bridge directly");
        } else if (child.name == "model" || child.name == "alias" || child.name == "address" || child.name == "boot") {
            continue;
        } else if (child.name == "ip" || child.name == "filterref" || child.name == "vlan" || child.name == "virtualport") {
            reading_.warn(child, "not supported yet: without effect");
        } else if (child.name == "backenddomain") {
            return reading_.refuse(child, "interfaces of other backend domains than Dom0 are not supported");
        } else {
            CONFIG_CHECK(reading_.unknown(child));
        }
    }
    if (type == "bridge" && interface.bridge.empty())
        return reading_.refuse(element, "has no <source bridge='...'/>");
    for (const InterfaceSpec& other : spec_.interfaces)
        if (interface.mac != MacAddress{} && other.mac == interface.mac)
            return reading_.refuse(element, "two interfaces have the address " + mac_text(interface.mac));
    spec_.interfaces.push_back(std::move(interface));
    return {};
}

Result<void> DeviceReader::interface_source(const Element& element, InterfaceSpec& interface)
{
    for (const char* name : {"bridge", "network", "dev"}) {
        const auto value = element.attribute(name);
        if (!value)
            continue;
        if (!is_device_name(*value))
            return reading_.refuse(element, std::string(name) + "='" + std::string(*value) +
                                                "' is not an interface name of at most 15 characters");
        interface.bridge = *value;
    }
    return {};
}

Result<void> DeviceReader::controller(const Element& element)
{
    if (element.attribute("type") != "xenbus")
        return {};
    if (const auto frames = CONFIG_TRY(reading_.number(element, "maxGrantFrames", 1, 1u << 20)))
        spec_.maximum_grant_frames = static_cast<std::uint32_t>(*frames);
    if (const auto channels = CONFIG_TRY(reading_.number(element, "maxEventChannels", 16, 1u << 17)))
        spec_.maximum_event_channels = static_cast<std::uint32_t>(*channels);
    return {};
}

Result<void> DeviceReader::console(const Element& element)
{
    const std::string_view type = element.attribute("type").value_or("pty");
    if (type != "pty")
        reading_.warn(element, "type='" + std::string(type) + "': the console is always a terminal and a log file");
    return {};
}

}  // namespace rf::config
