// SPDX-License-Identifier: MIT
#include "lifecycle/store_tree.hpp"

#include <algorithm>

namespace rf::lifecycle {
namespace {

constexpr unsigned console_limit = 1048576;   ///< bytes that a console daemon keeps
constexpr unsigned rate_interval = 50000;     ///< microseconds over which a rate is measured, as xl's default

using Permissions = std::vector<std::string>;

/// Owned by Dom0, readable by the guest.
Permissions guest_reads(xen::DomainId domain)
{
    return {"n0", "r" + std::to_string(domain.value)};
}
/// Owned by the guest, readable by Dom0, which may do everything anyway.
Permissions guest_owns(xen::DomainId domain)
{
    return {"n" + std::to_string(domain.value)};
}
/// A frontend's directory: the guest's, for the backend to read.
Permissions frontend_of(xen::DomainId domain)
{
    return {"n" + std::to_string(domain.value), "r0"};
}

std::string kibibytes(std::uint64_t bytes)
{
    return std::to_string(bytes / 1024);
}

/// Appends nodes below one directory.
class Directory {
public:
    Directory(StoreEntries& entries, std::string path, Permissions permissions) : entries_(entries), path_(std::move(path))
    {
        entries_.push_back({path_, "", std::move(permissions)});
    }
    void add(std::string_view name, std::string value, Permissions permissions = {})
    {
        entries_.push_back({path_ + "/" + std::string(name), std::move(value), std::move(permissions)});
    }

private:
    StoreEntries& entries_;
    std::string path_;
};

DevicePaths device_paths(xen::DomainId domain, std::string_view frontend_kind, std::string_view backend_kind, std::uint64_t device)
{
    const std::string number = std::to_string(domain.value);
    const std::string id = std::to_string(device);
    return {"/local/domain/" + number + "/device/" + std::string(frontend_kind) + "/" + id,
            std::string(backend_root) + "/" + std::string(backend_kind) + "/" + number + "/" + id};
}

void add_backend_basics(Directory& backend, xen::DomainId domain, const DevicePaths& paths)
{
    backend.add("frontend", paths.frontend);
    backend.add("frontend-id", std::to_string(domain.value));
    backend.add("online", "1");
}

void add_frontend_basics(Directory& frontend, const DevicePaths& paths)
{
    frontend.add("backend", paths.backend);
    frontend.add("backend-id", "0");
    frontend.add("trusted", "1");
}

}  // namespace

StoreEntries domain_entries(const config::DomainSpec& spec, xen::DomainId domain, std::int64_t start_time)
{
    StoreEntries entries;
    const std::string uuid = config::to_text(spec.uuid);
    Directory vm(entries, "/vm/" + uuid, guest_reads(domain));
    vm.add("name", spec.name);
    vm.add("uuid", uuid);
    vm.add("start_time", std::to_string(start_time));
    vm.add("rtc/timeoffset", std::to_string(spec.time_offset_seconds));
    vm.add("image/ostype", "linux");
    vm.add("image/kernel", spec.kernel);
    if (!spec.initrd.empty())
        vm.add("image/ramdisk", spec.initrd);
    vm.add("image/cmdline", spec.command_line);

    Directory home(entries, "/local/domain/" + std::to_string(domain.value), guest_reads(domain));
    home.add("vm", "/vm/" + uuid);
    home.add("name", spec.name);
    home.add("domid", std::to_string(domain.value));
    home.add("memory/static-max", kibibytes(spec.maximum_memory_bytes));
    home.add("memory/target", kibibytes(spec.memory_bytes));
    home.add("memory/videoram", "0");
    for (unsigned vcpu = 0; vcpu < spec.maximum_vcpus; ++vcpu)
        home.add("cpu/" + std::to_string(vcpu) + "/availability", vcpu < spec.online_vcpus ? "online" : "offline");
    home.add("control/platform-feature-multiprocessor-suspend", "1");
    home.add("control/platform-feature-xs_reset_watches", "1");
    for (const char* name : {"control/shutdown", "control/feature-poweroff", "control/feature-reboot", "control/feature-suspend",
                             "control/sysrq", "device/suspend/event-channel", "data", "drivers", "feature", "attr", "error"})
        home.add(name, "", guest_owns(domain));
    return entries;
}

StoreEntries ring_entries(xen::DomainId domain, const builder::BuiltDomain& built)
{
    StoreEntries entries;
    const std::string home = "/local/domain/" + std::to_string(domain.value);
    Directory store(entries, home + "/store", {});
    store.add("port", std::to_string(built.store_port.value));
    store.add("ring-ref", std::to_string(built.store_frame.value));
    Directory console(entries, home + "/console", {});
    console.add("type", "xenconsoled");
    console.add("output", "pty");
    console.add("limit", std::to_string(console_limit));
    console.add("backend-id", "0");
    console.add("ring-ref", std::to_string(built.console_frame.value));
    console.add("port", std::to_string(built.console_port.value));
    return entries;
}

DevicePaths disk_paths(xen::DomainId domain, const config::DiskSpec& disk)
{
    return device_paths(domain, "vbd", disk.backend == config::Backend::kernel ? "vbd" : "qdisk", disk.virtual_device);
}

DevicePaths interface_paths(xen::DomainId domain, const config::InterfaceSpec& interface, std::size_t index)
{
    return device_paths(domain, "vif", interface.backend == config::Backend::kernel ? "vif" : "rfnet", index);
}

std::string kernel_device_path(std::string_view backend)
{
    std::string device(backend.substr(std::min(backend_root.size() + 1, backend.size())));
    if (!device.starts_with("vbd/") && !device.starts_with("vif/"))
        return {};
    std::ranges::replace(device, '/', '-');
    return "/sys/bus/xen-backend/devices/" + device;
}

StoreEntries disk_entries(xen::DomainId domain, const config::DiskSpec& disk, const std::string& physical_device)
{
    using config::DiskSpec;
    const DevicePaths paths = disk_paths(domain, disk);
    const std::string kind = disk.kind == DiskSpec::Kind::cdrom ? "cdrom" : "disk";
    StoreEntries entries;
    Directory backend(entries, paths.backend, guest_reads(domain));
    add_backend_basics(backend, domain, paths);
    backend.add("removable", disk.kind == DiskSpec::Kind::cdrom ? "1" : "0");
    backend.add("bootable", "1");
    backend.add("dev", disk.target);
    backend.add("mode", disk.access == config::WriteAccess::read_only ? "r" : "w");
    backend.add("device-type", kind);
    backend.add("discard-enable", disk.discard ? "1" : "0");
    backend.add("params", disk.path);
    if (disk.backend == config::Backend::kernel) {
        backend.add("type", "phy");
        backend.add("physical-device", physical_device);
        backend.add("hotplug-status", "connected");
    } else {
        backend.add("type", disk.source == DiskSpec::Source::block ? "block" : "file");
        backend.add("format", disk.format == DiskSpec::Format::qcow2 ? "qcow2" : "raw");
    }
    backend.add("state", "1");

    Directory frontend(entries, paths.frontend, frontend_of(domain));
    add_frontend_basics(frontend, paths);
    frontend.add("virtual-device", std::to_string(disk.virtual_device));
    frontend.add("device-type", kind);
    frontend.add("state", "1");
    return entries;
}

std::string interface_device(xen::DomainId domain, const config::InterfaceSpec& interface, std::size_t index)
{
    if (!interface.device_name.empty())
        return interface.device_name;
    return "vif" + std::to_string(domain.value) + "." + std::to_string(index);
}

StoreEntries interface_entries(xen::DomainId domain, const config::InterfaceSpec& interface, std::size_t index)
{
    const DevicePaths paths = interface_paths(domain, interface, index);
    const std::string mac = config::mac_text(interface.mac);
    StoreEntries entries;
    Directory backend(entries, paths.backend, guest_reads(domain));
    add_backend_basics(backend, domain, paths);
    backend.add("handle", std::to_string(index));
    backend.add("mac", mac);
    if (!interface.bridge.empty())
        backend.add("bridge", interface.bridge);
    backend.add("vifname", interface_device(domain, interface, index));
    backend.add("type", "vif");
    if (interface.backend == config::Backend::kernel)
        backend.add("script", "");  // xen-netback insists on the node; no script is run
    if (interface.rate_bytes)
        backend.add("rate", std::to_string(std::max<std::uint64_t>(1, *interface.rate_bytes * rate_interval / 1000000)) + "," +
                                std::to_string(rate_interval));
    if (interface.mtu)
        backend.add("mtu", std::to_string(*interface.mtu));
    backend.add("state", "1");

    Directory frontend(entries, paths.frontend, frontend_of(domain));
    add_frontend_basics(frontend, paths);
    frontend.add("handle", std::to_string(index));
    frontend.add("mac", mac);
    if (interface.mtu)
        frontend.add("mtu", std::to_string(*interface.mtu));
    frontend.add("state", "1");
    return entries;
}

}  // namespace rf::lifecycle
