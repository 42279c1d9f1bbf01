// SPDX-License-Identifier: MIT
#pragma once
/// The watchdogs of one domain (SCHEDOP_watchdog): timers that the guest must set again before they fire.
///
/// Locking: set() is serialised by the caller (the domain's control lock). The callback runs without locks.

#include "base/result.hpp"
#include "time/timer.hpp"

#include <array>

namespace rf::time {

class Watchdogs {
public:
    /// What happens when a watchdog fires.
    using Callback = void (*)(void* owner);

    Watchdogs() = default;
    Watchdogs(Watchdogs const&) = delete;
    Watchdogs& operator=(Watchdogs const&) = delete;
    ~Watchdogs();

    /// `id` 0 starts a new one and yields its number, from 1; another id restarts that one, or stops it for 0 seconds, and
    /// yields 0. Errno::einval: no such watchdog, or a new one of 0 seconds; Errno::enospc: all are in use.
    [[nodiscard]] Result<std::uint32_t> set(std::uint32_t id, std::uint32_t seconds, Callback callback, void* owner);

private:
    struct Watchdog {
        Watchdog() : timer(fired, this) {}
        static void fired(void* self);
        Timer timer;
        Callback callback = nullptr;
        void* owner = nullptr;
        bool in_use = false;
    };

    std::array<Watchdog, 2> watchdogs_;
};

} // namespace rf::time
