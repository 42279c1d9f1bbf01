// SPDX-License-Identifier: MIT
#include "lifecycle/devices.hpp"

#include <algorithm>
#include <thread>
#include <unistd.h>

#include "config/values.hpp"
#include "io/xenbus.h"
#include "lifecycle/bridge.hpp"
#include "lifecycle/domain_list.hpp"
#include "lifecycle/loop_device.hpp"

namespace rf::lifecycle {
namespace {

constexpr auto poll_pause = std::chrono::milliseconds(10);
constexpr std::string_view backend_root = "/local/domain/0/backend";
const std::string wait_token = "device-wait";

/// XenbusState* in a node; Unknown when it is absent or nonsense.
Result<std::uint64_t> state_of(Session& session, const std::string& directory)
{
    const auto text = BUILD_TRY(session.store.read_if_exists(directory + "/state"));
    return config::parse_number(text.value_or("")).value_or(::xen::XenbusStateUnknown);
}

/// Waits until `done` says so, asking again whenever something below `path` changes.
template <class Done>
Result<bool> wait_on(Session& session, const std::string& path, Clock::time_point deadline, Done done)
{
    BUILD_CHECK(session.store.watch(path, wait_token));
    Result<bool> result = false;
    for (;;) {
        result = done();
        if (!result || *result)
            break;
        const auto event = session.wait_for_store(deadline);
        if (!event || !*event) {
            if (!event)
                result = std::unexpected(event.error());
            break;
        }
    }
    (void)session.store.unwatch(path, wait_token);  // a lost store shows itself at the next request
    return result;
}

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
    const auto ready = wait_on(session, backend, deadline, [&]() -> Result<bool> {
        const std::uint64_t state = BUILD_TRY(state_of(session, backend));
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
        std::this_thread::sleep_for(poll_pause);
    }
    return true;
}

/// A loop device must stay open here until the kernel's driver has opened it: the driver shows that in sysfs.
bool wait_for_opened(DomainId domain, const config::DiskSpec& disk, Clock::time_point deadline)
{
    const std::string path = "/sys/bus/xen-backend/devices/vbd-" + std::to_string(domain.value) + "-" +
                             std::to_string(disk.virtual_device) + "/physical_device";
    return poll_until(deadline, [&] { return ::access(path.c_str(), F_OK) == 0; });
}

Result<void> create_disk(Session& session, const config::DiskSpec& disk, DomainId domain, Clock::time_point deadline)
{
    const std::string shown = "disk " + disk.target + " (" + disk.path + ")";
    const DevicePaths paths = disk_paths(domain, disk);
    LoopDevice loop;
    std::string number;
    if (disk.backend == config::Backend::kernel) {
        std::string device = disk.path;
        if (disk.source == config::DiskSpec::Source::file) {
            loop = BUILD_TRY(LoopDevice::attach(disk.path, disk.access));
            device = loop.device();
        }
        number = BUILD_TRY(device_number(device));
    }
    BUILD_CHECK(write_entries(session, disk_entries(domain, disk, number)));
    BUILD_CHECK(wait_for_backend(session, paths.backend, shown, disk.backend, deadline));
    if (disk.backend == config::Backend::kernel && !wait_for_opened(domain, disk, deadline))
        return fail(Kind::unreachable, shown + ": the kernel's driver does not open it" + complaint_of(session, paths.backend));
    return {};
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

Result<void> create_interface(Session& session, const config::InterfaceSpec& interface, DomainId domain, std::size_t index,
                              Clock::time_point deadline)
{
    const DevicePaths paths = interface_paths(domain, interface, index);
    BUILD_CHECK(write_entries(session, interface_entries(domain, interface, index)));
    BUILD_CHECK(wait_for_backend(session, paths.backend, "interface " + std::to_string(index) + " (" + config::mac_text(interface.mac) + ")",
                                 interface.backend, deadline));
    if (interface.backend == config::Backend::kernel)
        return connect_kernel_interface(session, interface, domain, index, deadline);
    return {};
}

/// The backend directories of a domain: /local/domain/0/backend/<kind>/<domain>/<device>.
Result<std::vector<std::string>> backends_of(Session& session, DomainId domain)
{
    std::vector<std::string> result;
    const auto children = [&](const std::string& path) -> Result<std::vector<std::string>> {
        auto names = session.store.list(path);
        if (!names && names.error().code == ENOENT)
            return std::vector<std::string>{};
        if (!names)
            return fail(names.error());
        return std::move(*names);
    };
    const std::string root(backend_root);
    for (const std::string& kind : BUILD_TRY(children(root))) {
        const std::string directory = root + "/" + kind + "/" + std::to_string(domain.value);
        for (const std::string& device : BUILD_TRY(children(directory)))
            result.push_back(directory + "/" + device);
    }
    return result;
}

/// One device that is being closed.
struct Closing {
    std::string backend;
    std::string frontend;   ///< empty if the backend names none of this domain
    bool connected = false; ///< some driver serves the backend and will say when it has closed
};

/// Tells the backend that its guest's half has closed for good. Works for a guest that can no longer do so itself.
Result<Closing> ask_to_close(Session& session, DomainId domain, const std::string& backend)
{
    Closing closing{backend, BUILD_TRY(session.store.read_if_exists(backend + "/frontend")).value_or(""), false};
    if (!closing.frontend.starts_with(domain_path(domain) + "/"))
        closing.frontend.clear();
    const std::uint64_t state = BUILD_TRY(state_of(session, backend));
    closing.connected = state > ::xen::XenbusStateInitialising && state != ::xen::XenbusStateClosed;
    BUILD_CHECK(session.store.transact([&](auto transaction) -> xen::Result<void> {
        auto written = session.store.write(backend + "/online", "0", transaction);
        if (written && closing.connected)
            written = session.store.write(backend + "/state", std::to_string(::xen::XenbusStateClosing), transaction);
        if (written && !closing.frontend.empty())
            written = session.store.write(closing.frontend + "/state", std::to_string(::xen::XenbusStateClosed), transaction);
        return written;
    }));
    return closing;
}

/// The backend is done when it says so, or has removed its node.
Result<bool> has_closed(Session& session, const std::string& backend)
{
    const std::uint64_t state = BUILD_TRY(state_of(session, backend));
    return state == ::xen::XenbusStateClosed || state == ::xen::XenbusStateUnknown;
}

}  // namespace

Result<void> write_entries(Session& session, const StoreEntries& entries)
{
    BUILD_CHECK(session.store.transact([&](auto transaction) -> xen::Result<void> {
        for (const StoreEntry& entry : entries) {
            if (auto written = session.store.write(entry.path, entry.value, transaction); !written)
                return written;
            if (entry.permissions.empty())
                continue;
            if (auto set = session.store.set_permissions(entry.path, entry.permissions, transaction); !set)
                return set;
        }
        return {};
    }));
    return {};
}

Result<void> create_devices(Session& session, const config::DomainSpec& spec, DomainId domain, Clock::time_point deadline)
{
    for (const config::DiskSpec& disk : spec.disks)
        BUILD_CHECK(create_disk(session, disk, domain, deadline));
    for (std::size_t index = 0; index < spec.interfaces.size(); ++index)
        BUILD_CHECK(create_interface(session, spec.interfaces[index], domain, index, deadline));
    return {};
}

Result<std::vector<std::string>> remove_devices(Session& session, DomainId domain, Clock::time_point deadline)
{
    std::vector<Closing> devices;
    for (const std::string& backend : BUILD_TRY(backends_of(session, domain)))
        devices.push_back(BUILD_TRY(ask_to_close(session, domain, backend)));
    std::vector<std::string> stuck;
    for (const Closing& device : devices) {
        const bool closed = !device.connected ||
                            BUILD_TRY(wait_on(session, device.backend, deadline, [&] { return has_closed(session, device.backend); }));
        if (!closed)
            stuck.push_back(device.backend);
        if (!device.frontend.empty())
            BUILD_CHECK(session.store.remove(device.frontend));
        BUILD_CHECK(session.store.remove(device.backend));
        // The domain's own directory of this kind, if that was its last device.
        const std::string parent = device.backend.substr(0, device.backend.rfind('/'));
        if (const auto rest = session.store.list(parent); rest && rest->empty())
            BUILD_CHECK(session.store.remove(parent));
    }
    return stuck;
}

}  // namespace rf::lifecycle
