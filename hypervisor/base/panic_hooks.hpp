// SPDX-License-Identifier: MIT
#pragma once
/// What panic() does beyond printing, supplied by higher rooms. Every hook is optional and is called at most once.

namespace rf {

struct PanicHooks {
    void (*break_locks)() = nullptr; ///< lets log lines pass although the console's lock may be held
    void (*stop_others)() = nullptr; ///< stops every other CPU, waiting a bounded time
    void (*dump)() = nullptr;        ///< prints what is known about this CPU
    void (*reset)() = nullptr;       ///< resets the machine; returns only if that failed
};

/// The hooks in use; set by boot as the rooms come up.
extern PanicHooks panic_hooks;

/// Whether a panic ends in a reset (the default) or, as `noreboot` asks, in a stop.
void panic_set_reboot(bool reboot);

/// True once some CPU panicked.
[[nodiscard]] bool panicking();

} // namespace rf
