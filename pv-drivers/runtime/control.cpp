// SPDX-License-Identifier: MIT
#include "control.hpp"

#include "console.hpp"
#include "store.hpp"
#include "timer.hpp"

namespace rf::runtime {

namespace {

constexpr std::string_view order_node = "control/shutdown";

}  // namespace

constinit Control control;

Result<void> Control::initialise()
{
    for (const std::string_view feature : {"control/feature-poweroff", "control/feature-reboot"})
        if (auto told = store.write(feature, "1"); !told)
            return told;
    const auto watch = store.watch(order_node);
    if (!watch)
        return std::unexpected(watch.error());
    watch_ = *watch;
    watching_ = true;
    return {};
}

void Control::before_end(void (*action)(void*), void* context)
{
    action_ = action;
    context_ = context;
}

bool Control::asked()
{
    return watching_ && store.fired(watch_);
}

void Control::obey()
{
    if (!asked())
        return;
    store.forget(watch_);
    const auto reason = read_order();
    if (!reason)
        return;
    if (!store.write(order_node, ""))
        print("control: the order could not be acknowledged\n");
    if (action_ != nullptr)
        action_(context_);
    shutdown(*reason);
}

std::optional<xen::shutdown_reason> Control::read_order()
{
    char room[16];
    const auto order = store.read(order_node, room);
    if (!order)
        return std::nullopt;
    if (*order == "poweroff" || *order == "halt")
        return xen::SHUTDOWN_poweroff;
    if (*order == "reboot")
        return xen::SHUTDOWN_reboot;
    return std::nullopt;
}

void Control::sleep_until(std::uint64_t deadline)
{
    auto ready = [this] { return asked(); };
    while (timer.wait_until(ready, deadline))
        obey();
}

}  // namespace rf::runtime
