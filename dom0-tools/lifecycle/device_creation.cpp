// SPDX-License-Identifier: MIT
#include "lifecycle/device_creation.hpp"

#include <thread>
#include <unistd.h>

#include "lifecycle/bridge.hpp"
#include "lifecycle/device_wait.hpp"

namespace rf::lifecycle {
namespace {

constexpr auto hotplug_poll = std::chrono::milliseconds(10);

/// What a backend says about its trouble, or nothing.
std::string complaint_of(Session& session, const std::string& backend)
{
    for (const char* node : {"/error", "/hotplug-error"})
        if (const auto text = session.store.read_if_exists(backend + node); text && text->has_value() && !(*text)->empty())
            return ": " + **text;
    return "";
}

Result<void> wait_for_backend(Session& session, const std::string& backend, const std::string& device, config::Backend kind,
                              Clock::time_point deadline)
{
    const auto ready = wait_for_change(session, backend, deadline, [&]() -> Result<bool> {
        const std::uint64_t state = BUILD_TRY(device_state(session, backend));
        if (state == ::xen::XenbusStateClosing || state == ::xen::XenbusStateClosed)
            return fail(Kind::unreachable, device + ": its backend refuses it" + complaint_of(session, backend));
        return state >= ::xen::XenbusStateInitWait;
    });
    if (!ready)
        return std::unexpected(ready.error());
    if (*ready)
        return {};
    const std::string who = kind == config::Backend::kernel ? "the kernel's driver (module xen-blkback or xen-netback)"
                                                            : "its backend process (is rfd running?)";
    return fail(Kind::unreachable, device + ": " + who + " does not answer" + complaint_of(session, backend));
}

template <class Done>
bool poll_until(Clock::time_point deadline, Done done)
{
    while (!done()) {
        if (Clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(hotplug_poll);
    }
    return true;
}

/// A loop device must stay open here until the kernel's driver has opened it: the driver shows that in sysfs.
bool wait_for_opened(DomainId domain, const config::DiskSpec& disk, Clock::time_point deadline)
{
    const std::string path = kernel_device_path(disk_paths(domain, disk).backend) + "/physical_device";
    return poll_until(deadline, [&] { return ::access(path.c_str(), F_OK) == 0; });
}

Result<void> connect_kernel_interface(Session& session, const config::InterfaceSpec& interface, DomainId domain, std::size_t index,
                                      Clock::time_point deadline)
{
    const std::string device = interface_device(domain, interface, index);
    const std::string initial = "vif" + std::to_string(domain.value) + "." + std::to_string(index);
    if (!poll_until(deadline, [&] { return interface_exists(initial); }))
        return fail(Kind::unreachable, "interface " + initial + " does not appear (kernel module xen-netback)");
    if (device != initial)
        BUILD_CHECK(rename_interface(initial, device));
    if (interface.mtu)
        BUILD_CHECK(set_interface_mtu(device, *interface.mtu));
    BUILD_CHECK(connect_interface(device, interface.bridge));
    BUILD_CHECK(session.store.write(interface_paths(domain, interface, index).backend + "/hotplug-status", "connected"));
    return {};
}

std::string shown(const config::DiskSpec& disk)
{
    return "disk " + disk.target + " (" + disk.path + ")";
}

void append(StoreEntries& entries, StoreEntries more)
{
    entries.insert(entries.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Result<StoreEntries> DeviceCreation::prepare()
{
    StoreEntries entries;
    for (const config::DiskSpec& disk : spec_.disks) {
        std::string number;
        if (disk.backend == config::Backend::kernel) {
            std::string device = disk.path;
            if (disk.source == config::DiskSpec::Source::file) {
                loops_.push_back(BUILD_TRY(LoopDevice::attach(disk.path, disk.access)));
                device = loops_.back().device();
            }
            number = BUILD_TRY(device_number(device));
        }
        append(entries, disk_entries(domain_, disk, number));
    }
    for (std::size_t index = 0; index < spec_.interfaces.size(); ++index)
        append(entries, interface_entries(domain_, spec_.interfaces[index], index));
    return entries;
}

Result<void> DeviceCreation::complete(Session& session, Clock::time_point deadline)
{
    for (const config::DiskSpec& disk : spec_.disks)
        BUILD_CHECK(complete_disk(session, disk, deadline));
    for (std::size_t index = 0; index < spec_.interfaces.size(); ++index)
        BUILD_CHECK(complete_interface(session, index, deadline));
    loops_.clear();
    return {};
}

Result<void> DeviceCreation::complete_disk(Session& session, const config::DiskSpec& disk, Clock::time_point deadline)
{
    const std::string backend = disk_paths(domain_, disk).backend;
    BUILD_CHECK(wait_for_backend(session, backend, shown(disk), disk.backend, deadline));
    if (disk.backend == config::Backend::kernel && !wait_for_opened(domain_, disk, deadline))
        return fail(Kind::unreachable, shown(disk) + ": the kernel's driver does not open it" + complaint_of(session, backend));
    return {};
}

Result<void> DeviceCreation::complete_interface(Session& session, std::size_t index, Clock::time_point deadline)
{
    const config::InterfaceSpec& interface = spec_.interfaces[index];
    BUILD_CHECK(wait_for_backend(session, interface_paths(domain_, interface, index).backend,
                                 "interface " + std::to_string(index) + " (" + config::mac_text(interface.mac) + ")", interface.backend,
                                 deadline));
    if (interface.backend == config::Backend::kernel)
        return connect_kernel_interface(session, interface, domain_, index, deadline);
    return {};
}

}  // namespace rf::lifecycle
