// SPDX-License-Identifier: MIT
#include "base/panic.hpp"

#include "base/atomic.hpp"
#include "base/log.hpp"
#include "base/panic_hooks.hpp"
#include "cpu/insn.hpp"

#include <utility>

namespace rf {
namespace {
constinit Atomic<std::uint32_t> entries{0};
constinit bool reboot_wanted = true;

[[noreturn]] void stop()
{
    for (;;) {
        cpu::disable_interrupts();
        cpu::halt();
    }
}

/// Takes a hook, so that a fault inside it cannot call it again.
void call_once(void (*&hook)())
{
    if (auto* const function = std::exchange(hook, nullptr))
        function();
}
} // namespace

constinit PanicHooks panic_hooks;

void panic_set_reboot(bool reboot) { reboot_wanted = reboot; }
bool panicking() { return entries.load(acquire) != 0; }

void panic(std::string_view why, std::source_location where)
{
    cpu::disable_interrupts();
    std::uint32_t const earlier = entries.fetch_add(1, acq_rel);
    if (earlier >= 8)
        stop(); // the printing itself fails
    call_once(panic_hooks.break_locks);
    log::error("PANIC: ", why);
    log::error("  at ", where.file_name(), ":", where.line(), " in ", where.function_name());
    call_once(panic_hooks.dump);
    call_once(panic_hooks.stop_others);
    if (!reboot_wanted) {
        log::error("The machine is stopped because of `noreboot`.");
        stop();
    }
    call_once(panic_hooks.reset);
    stop();
}

} // namespace rf
