// SPDX-License-Identifier: MIT
#include "front/device.hpp"

#include "xen/domid.h"

namespace rf::front {

Result<std::uint64_t> Device::first_number(StoreClient& store, std::string_view kind)
{
    char room[256];
    const auto names = store.list(Path{"device/", kind}.view(), room);
    if (!names)
        return std::unexpected(names.error());
    const auto number = decimal_number(names->substr(0, names->find('\0')));
    if (!number)
        return failure(xen::XEN_ENOENT);
    return *number;
}

Result<void> Device::find(std::string_view kind, std::uint64_t number)
{
    forget();
    number_ = number;
    own_ = Path{"device/", kind, "/", number};
    char room[path_size];
    const auto path = read_own("backend", room);
    if (!path)
        return std::unexpected(path.error());
    backend_path_ = Path{*path};
    const auto backend = doors_.store.read_number(own_node("backend-id").view());
    if (!backend)
        return std::unexpected(backend.error());
    if (*backend >= xen::DOMID_FIRST_RESERVED || !backend_node("state").fits())
        return failure(xen::XEN_EINVAL);
    backend_ = static_cast<xen::domid_t>(*backend);
    const auto watch = doors_.store.watch(backend_node("state").view());
    if (!watch)
        return std::unexpected(watch.error());
    watch_ = *watch;
    watching_ = true;
    return {};
}

void Device::forget()
{
    if (watching_)
        doors_.store.unwatch(backend_node("state").view(), watch_);
    watching_ = false;
}

xen::xenbus_state Device::backend_state()
{
    // before reading, so that a change after it is seen as one
    doors_.store.forget(watch_);
    const auto state = backend_number("state").value_or(xen::XenbusStateUnknown);
    return state <= xen::XenbusStateReconfigured ? static_cast<xen::xenbus_state>(state) : xen::XenbusStateUnknown;
}

bool Device::wanted()
{
    return backend_flag("online") != 0;
}

Result<void> Device::wait_for_backend(xen::xenbus_state first, xen::xenbus_state last, std::uint64_t patience)
{
    for (;;) {
        const auto state = backend_state();
        if (state >= first && state <= last)
            return {};
        if (state > last && (state == xen::XenbusStateClosing || state == xen::XenbusStateClosed))
            return failure(xen::XEN_ENODEV);
        auto ready = [this] { return changed(); };
        if (!doors_.events.wait(ready, patience))
            return failure(xen::XEN_ETIMEDOUT);
    }
}

Result<void> Device::leave()
{
    if (auto done = set_state(xen::XenbusStateClosing); !done)
        return done;
    if (backend_state() == xen::XenbusStateUnknown)
        return set_state(xen::XenbusStateClosed);  // nobody is there to wait for
    if (auto closing = wait_for_backend(xen::XenbusStateClosing, xen::XenbusStateClosed, usual_patience); !closing)
        return closing;
    if (auto done = set_state(xen::XenbusStateClosed); !done)
        return done;
    return wait_for_backend(xen::XenbusStateClosed, xen::XenbusStateClosed, usual_patience);
}

Result<void> Device::write_number(std::string_view name, std::uint64_t value)
{
    return write_text(name, ShortText<20>{value}.view());
}

Result<void> Device::write_text(std::string_view name, std::string_view value)
{
    return doors_.store.write(own_node(name).view(), value);
}

Result<std::string_view> Device::read_own(std::string_view name, std::span<char> room)
{
    return doors_.store.read(own_node(name).view(), room);
}

Result<std::uint64_t> Device::backend_number(std::string_view name)
{
    return doors_.store.read_number(backend_node(name).view());
}

}  // namespace rf::front
