// SPDX-License-Identifier: MIT
#include "time/watchdogs.hpp"

#include "time/clock.hpp"

#include <algorithm>

namespace rf::time {

Watchdogs::~Watchdogs()
{
    for (Watchdog& watchdog : watchdogs_)
        watchdog.timer.cancel_and_wait();
}

void Watchdogs::Watchdog::fired(void* self)
{
    auto const& watchdog = *static_cast<Watchdog*>(self);
    watchdog.callback(watchdog.owner);
}

Result<std::uint32_t> Watchdogs::set(std::uint32_t id, std::uint32_t seconds, Callback callback, void* owner)
{
    Nanoseconds const deadline = now() + seconds * second;
    if (id == 0) {
        if (seconds == 0)
            return fail(Errno::einval);
        auto const free = std::ranges::find(watchdogs_, false, &Watchdog::in_use);
        if (free == watchdogs_.end())
            return fail(Errno::enospc);
        free->in_use = true;
        free->callback = callback;
        free->owner = owner;
        free->timer.arm(deadline);
        return static_cast<std::uint32_t>(free - watchdogs_.begin()) + 1;
    }
    if (id > watchdogs_.size() || !watchdogs_[id - 1].in_use)
        return fail(Errno::einval);
    Watchdog& watchdog = watchdogs_[id - 1];
    if (seconds == 0) {
        watchdog.timer.cancel_and_wait();
        watchdog.in_use = false;
    } else {
        watchdog.timer.arm(deadline);
    }
    return 0;
}

} // namespace rf::time
