// SPDX-License-Identifier: MIT
/// Serial input: to Dom0's buffer, or to the hypervisor's keys.
#include "dev/console_input.hpp"

#include "base/spinlock.hpp"
#include "dev/acpi.hpp"
#include "dev/input_switch.hpp"
#include "dev/interrupts.hpp"

namespace rf::dev::console {
namespace {

/// Bytes taken in one go: more than a UART's FIFO holds, few enough not to keep the CPU.
constexpr unsigned most_bytes = 64;
constexpr unsigned most_keys = 24;

struct Key {
    char key;
    char const* description;
    void (*handler)();
};

/// What was typed and not yet read by Dom0; when it is full, new bytes are lost.
class TypedAhead {
public:
    void put(char c)
    {
        if (produced_ - consumed_ < bytes_.size())
            bytes_[produced_++ % bytes_.size()] = c;
    }
    std::size_t take(std::span<char> to)
    {
        std::size_t count = 0;
        while (consumed_ != produced_ && count < to.size())
            to[count++] = bytes_[consumed_++ % bytes_.size()];
        return count;
    }

private:
    std::array<char, 1024> bytes_{};
    std::uint32_t produced_ = 0;
    std::uint32_t consumed_ = 0;
};

constinit Spinlock input_lock{LockRank::console};
constinit TypedAhead typed_ahead;
constinit InputSwitch input_switch;
constinit FixedVector<Key, most_keys> keys;
using Hook = void (*)();
constinit Hook input_hook = nullptr;
constinit bool interrupt_works = false;

void show_help()
{
    log::info("debug keys:");
    for (Key const& key : keys)
        log::info("  ", key.key, "  ", key.description);
}

void tell_side(InputSwitch::Side side)
{
    if (side == InputSwitch::Side::hypervisor)
        log::info("console: input goes to Ringfort; h lists the keys (Ctrl-A three times: back to Dom0)");
    else
        log::info("console: input goes to Dom0 (Ctrl-A three times: to Ringfort)");
}

/// Characters of one run, sorted by receiver, so that keys are pressed without the lock.
struct Run {
    FixedVector<char, most_bytes + 2> keys;
    bool for_control = false;
    bool switched = false;
};

void sort_in(char c, Run& run)
{
    LockGuard guard(input_lock);
    input_switch.take(
        c,
        [&](char passed) {
            if (input_switch.side() == InputSwitch::Side::hypervisor) {
                (void)run.keys.push_back(passed); // full only when more was typed at once than a FIFO holds
                return;
            }
            typed_ahead.put(passed);
            run.for_control = true;
        },
        [&] { run.switched = true; });
}

void drain()
{
    Run run;
    for (unsigned count = 0; count < most_bytes; ++count) {
        auto const c = input::next_byte();
        if (!c)
            break;
        sort_in(*c, run);
    }
    if (run.switched)
        tell_side(input_switch.side());
    for (char const key : run.keys)
        press_key(key);
    if (run.for_control && input_hook)
        input_hook();
}

void on_interrupt()
{
    for (unsigned round = 0; round < 4; ++round) {
        drain();
        if (!input::acknowledge())
            return;
    }
    // The line is edge-triggered: with a cause left it must fall and rise, or the next one would never be seen.
    input::rearm();
}

} // namespace

namespace input {

void configure(Options const& options)
{
    input_switch.configure(options.conswitch, options.conswitch_to_dom0 ? InputSwitch::Side::control_domain
                                                                        : InputSwitch::Side::hypervisor);
    register_key('h', "lists these keys", show_help);
}

} // namespace input

bool enable_input_interrupt(CpuId cpu)
{
    static constinit CpuId receiver = 0;
    receiver = cpu;
    interrupt_works = true;
    input::for_each_line([](Serial& serial) {
        auto const route = acpi::route_isa(machine_tables, serial.irq());
        auto const id = interrupts.gsi(route.gsi);
        bool const bound = serial.irq() != 0 && id && interrupts.bind_own(*id, receiver, on_interrupt).has_value();
        if (bound)
            serial.enable_interrupts();
        else
            interrupt_works = false;
    });
    drain(); // what came before the interrupt was on
    if (!options.sync_console)
        input::for_each_line([](Serial& serial) { serial.begin_buffering(); });
    return interrupt_works;
}

bool input_is_polled() { return !interrupt_works; }

void poll()
{
    if (!interrupt_works)
        drain();
}

std::size_t read_input(std::span<char> to)
{
    LockGuard guard(input_lock);
    return typed_ahead.take(to);
}

void set_input_hook(void (*hook)()) { input_hook = hook; }

void register_key(char key, char const* description, void (*handler)())
{
    if (!keys.push_back({key, description, handler}))
        log::warning("console: no room for the debug key ", key);
}

void press_key(char key)
{
    for (Key const& known : keys)
        if (known.key == key)
            return known.handler();
    log::info("console: no debug key '", key >= ' ' && key < 0x7f ? key : '?', "'; h lists them");
}

} // namespace rf::dev::console
