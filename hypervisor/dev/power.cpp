// SPDX-License-Identifier: MIT
/// Sources: ACPI specification 6.4, 4.8.3.2 (PM1 control), 4.8.3.6 (reset), 4.8.3.7 (sleep control).
#include "dev/power.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "dev/interrupts.hpp"
#include "mm/device_window.hpp"

namespace rf::dev::power {
namespace {

constexpr std::uint16_t sleep_type_mask = 7u << 10;
constexpr std::uint16_t sleep_enable = 1u << 13;
constexpr std::uint8_t reduced_sleep_type_shift = 2;
constexpr std::uint8_t reduced_sleep_enable = 1u << 5;
constexpr std::uint8_t soft_off_state = 5;

constexpr std::uint16_t reset_control_port = 0xcf9;
constexpr std::uint16_t keyboard_status_port = 0x64;
constexpr std::uint8_t keyboard_input_full = 0x02;
constexpr std::uint8_t keyboard_pulse_reset = 0xfe;

using Stop = void (*)();
constinit Stop stop_others = nullptr;

/// Waits very roughly: a write to the diagnostic port takes about a microsecond on hardware.
void delay_microseconds(unsigned count)
{
    for (; count; --count)
        cpu::out8(0x80, 0);
}

void quiesce()
{
    cpu::disable_interrupts();
    console::flush();
    if (stop_others)
        stop_others();
    console::break_locks(); // one of them may have been stopped with the console's lock held
    interrupts.mask_all();
}

bool write_register(acpi::Register const& place, std::uint32_t value, unsigned bytes)
{
    switch (place.space) {
    case acpi::AddressSpace::ports: {
        auto const port = static_cast<std::uint16_t>(place.address);
        if (bytes == 1)
            cpu::out8(port, static_cast<std::uint8_t>(value));
        else
            cpu::out16(port, static_cast<std::uint16_t>(value));
        return true;
    }
    case acpi::AddressSpace::memory: {
        volatile void* const window = mm::map_device({place.address}, bytes);
        if (!window)
            return false;
        if (bytes == 1)
            *static_cast<volatile std::uint8_t*>(window) = static_cast<std::uint8_t>(value);
        else
            *static_cast<volatile std::uint16_t*>(window) = static_cast<std::uint16_t>(value);
        return true;
    }
    case acpi::AddressSpace::pci_configuration: {
        // Bus 0: device in bits 32..47, function in 16..31, offset in 0..15.
        auto const devfn = static_cast<std::uint8_t>((place.address >> 32 & 31) << 3 | (place.address >> 16 & 7));
        pci::Address const function{.segment = 0, .bus = 0, .devfn = devfn};
        pci::machine().write(function, static_cast<std::uint16_t>(place.address), bytes, value);
        return true;
    }
    case acpi::AddressSpace::other: break;
    }
    return false;
}

void reset_by_acpi()
{
    if (!machine_tables.fadt || !machine_tables.fadt->reset_supported)
        return;
    if (write_register(machine_tables.fadt->reset, machine_tables.fadt->reset_value, 1))
        delay_microseconds(50'000);
}

void reset_by_chipset()
{
    // Hard reset, first announced, then done (bit 2).
    std::uint8_t const kept = cpu::in8(reset_control_port) & 0xf1;
    cpu::out8(reset_control_port, kept | 0x02);
    delay_microseconds(50);
    cpu::out8(reset_control_port, kept | 0x06);
    delay_microseconds(50'000);
}

void reset_by_keyboard()
{
    for (unsigned attempt = 0; attempt < 10; ++attempt) {
        for (unsigned poll = 0; poll < 10'000 && cpu::in8(keyboard_status_port) & keyboard_input_full; ++poll)
            delay_microseconds(1);
        cpu::out8(keyboard_status_port, keyboard_pulse_reset);
        delay_microseconds(5'000);
    }
}

[[noreturn]] void reset_by_triple_fault()
{
    for (;;) {
        cpu::load_idt({0, 0});
        __builtin_trap();
    }
}

[[noreturn]] void stay()
{
    for (;;) {
        cpu::disable_interrupts();
        cpu::halt();
    }
}

/// Both PM1 control registers: first the sleep type, then the same with the enable bit, as ACPI's interpreter does.
bool write_pm1(std::uint16_t value_a, std::uint16_t value_b)
{
    acpi::Fadt const& fadt = *machine_tables.fadt;
    bool done = true;
    for (std::uint16_t const enable : {std::uint16_t{0}, sleep_enable}) {
        auto const with_enable = [enable](std::uint16_t value) {
            return static_cast<std::uint16_t>((value & ~sleep_enable) | enable);
        };
        done = write_register(fadt.pm1a_control, with_enable(value_a), 2);
        if (fadt.pm1b_control.exists())
            done = write_register(fadt.pm1b_control, with_enable(value_b), 2) && done;
    }
    return done;
}

bool write_sleep_control(std::uint8_t type)
{
    return write_register(machine_tables.fadt->sleep_control,
                          static_cast<std::uint32_t>((type & 7u) << reduced_sleep_type_shift) | reduced_sleep_enable, 1);
}

[[noreturn]] void after_switching_off(bool tried)
{
    if (tried)
        delay_microseconds(1'000'000);
    log::error(tried ? "power: the machine did not switch itself off; it is safe to switch it off now"
                     : "power: this machine has no way to switch itself off; it is safe to switch it off now");
    stay();
}

} // namespace

void set_stop_others(void (*stop)()) { stop_others = stop; }

void reset()
{
    quiesce();
    reset_by_acpi();
    reset_by_chipset();
    reset_by_keyboard();
    reset_by_triple_fault();
}

void halt()
{
    quiesce();
    stay();
}

void reset_unless_forbidden()
{
    if (options.reboot)
        reset();
    log::error("power: the machine is stopped because of `noreboot`");
    halt();
}

void power_off()
{
    quiesce();
    bool tried = false;
    if (machine_tables.fadt && machine_tables.soft_off) {
        acpi::SoftOff const& types = *machine_tables.soft_off;
        if (machine_tables.fadt->hardware_reduced)
            tried = machine_tables.fadt->sleep_control.exists() && write_sleep_control(types.type_a);
        else if (machine_tables.fadt->pm1a_control.exists())
            tried = write_pm1(static_cast<std::uint16_t>(types.type_a << 10), static_cast<std::uint16_t>(types.type_b << 10));
    }
    after_switching_off(tried);
}

Status check(SleepRequest const& request)
{
    if (request.state != soft_off_state)
        return fail(Errno::eopnotsupp);
    if (!machine_tables.fadt)
        return fail(Errno::eperm);
    acpi::Fadt const& fadt = *machine_tables.fadt;
    if (request.extended) {
        if (request.value_a > 7)
            return fail(Errno::einval);
        return fadt.sleep_control.exists() ? Status{} : fail(Errno::eperm);
    }
    if (!fadt.pm1a_control.exists())
        return fail(Errno::eperm);
    return {};
}

void enter(SleepRequest const& request)
{
    log::info("power: Dom0 switches the machine off");
    quiesce();
    bool const tried = request.extended ? write_sleep_control(static_cast<std::uint8_t>(request.value_a))
                                        : write_pm1(request.value_a, request.value_b);
    after_switching_off(tried);
}

} // namespace rf::dev::power
