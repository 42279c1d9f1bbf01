// SPDX-License-Identifier: MIT
#include "cpu/local_apic.hpp"

#include "cpu/features.hpp"
#include "cpu/registers.hpp"
#include "cpu/vectors.hpp"

#include <algorithm>
#include <array>

namespace rf::cpu::local_apic {
namespace {

/// Register offsets in the page; MSR 0x800 + offset / 16 in x2APIC mode (SDM vol. 3, table 10-1).
enum class Register : std::uint32_t {
    id = 0x20,
    task_priority = 0x80,
    end_of_interrupt = 0xb0,
    spurious = 0xf0,
    error_status = 0x280,
    command_low = 0x300,
    command_high = 0x310,
    timer = 0x320,
    thermal = 0x330,
    performance = 0x340,
    lint0 = 0x350,
    lint1 = 0x360,
    error = 0x370,
    timer_initial = 0x380,
    timer_current = 0x390,
    timer_divide = 0x3e0,
    version = 0x30,
};

constexpr std::uint32_t masked = 1u << 16;
constexpr std::uint32_t software_enable = 1u << 8;
constexpr std::uint32_t timer_mode_tsc_deadline = 2u << 17;
constexpr std::uint32_t divide_by_one = 0xb;
constexpr std::uint32_t command_pending = 1u << 12;
constexpr std::uint32_t level_assert = 1u << 14;
constexpr std::uint32_t delivery_nmi = 4u << 8;
constexpr std::uint32_t delivery_init = 5u << 8;
constexpr std::uint32_t delivery_startup = 6u << 8;

constinit Mode access = Mode::memory;
constinit volatile std::uint32_t* registers = nullptr;
constinit bool deadline_allowed = true;
/// Timer ticks per TSC cycle, times 2^32.
constinit std::uint64_t ticks_per_cycle = 0;
constinit std::array<std::uint32_t, max_cpus> identifiers{};

[[nodiscard]] std::uint32_t read(Register which)
{
    auto const offset = static_cast<std::uint32_t>(which);
    if (access == Mode::x2apic)
        return static_cast<std::uint32_t>(read_msr(msr::x2apic_first + offset / 16));
    return registers[offset / 4];
}

void write(Register which, std::uint32_t value)
{
    auto const offset = static_cast<std::uint32_t>(which);
    if (access == Mode::x2apic)
        write_msr(msr::x2apic_first + offset / 16, value);
    else
        registers[offset / 4] = value;
}

void command(std::uint32_t apic_id, std::uint32_t low)
{
    if (access == Mode::x2apic) {
        // The MSR write does not order earlier stores (SDM vol. 3, 10.12.3): the target must see what we ask for.
        full_fence();
        write_msr(msr::x2apic_command, static_cast<std::uint64_t>(apic_id) << 32 | low);
        return;
    }
    // The previous command leaves within microseconds; a dead APIC must not hang us.
    for (unsigned tries = 0; read(Register::command_low) & command_pending && tries < 1'000'000; ++tries)
        pause();
    write(Register::command_high, apic_id << 24);
    write(Register::command_low, low);
}

[[nodiscard]] bool use_deadline() { return deadline_allowed && host().tsc_deadline; }

} // namespace

MachineAddress register_page() { return {read_msr(msr::apic_base) & apic_base::address}; }
bool firmware_uses_x2apic() { return host().x2apic && read_msr(msr::apic_base) & apic_base::x2apic; }
void allow_tsc_deadline(bool allowed) { deadline_allowed = allowed; }

void choose_mode(Mode mode, volatile void* window)
{
    access = mode;
    registers = static_cast<volatile std::uint32_t*>(window);
}

void enable(CpuId cpu)
{
    std::uint64_t base = read_msr(msr::apic_base) | apic_base::enable;
    write_msr(msr::apic_base, base);
    if (access == Mode::x2apic)
        write_msr(msr::apic_base, base |= apic_base::x2apic);
    write(Register::spurious, software_enable | vector::spurious);
    write(Register::task_priority, 0);
    write(Register::timer, masked | vector::timer);
    write(Register::lint0, masked);
    write(Register::lint1, masked);
    if ((read(Register::version) >> 16 & 0xff) >= 4)
        write(Register::performance, masked);
    write(Register::error, vector::error);
    write(Register::timer_divide, divide_by_one);
    if (use_deadline())
        write(Register::timer, timer_mode_tsc_deadline | vector::timer);
    else
        write(Register::timer, vector::timer);
    // Whatever was in service before us would block everything of lower priority.
    for (unsigned i = 0; i < 256; ++i)
        end_of_interrupt();
    write(Register::error_status, 0);
    identifiers[cpu] = id();
}

std::uint32_t id()
{
    std::uint32_t const value = read(Register::id);
    return access == Mode::x2apic ? value : value >> 24;
}

std::uint32_t id_of(CpuId cpu) { return identifiers[cpu]; }
void end_of_interrupt() { write(Register::end_of_interrupt, 0); }

std::uint32_t take_errors()
{
    write(Register::error_status, 0);
    return read(Register::error_status);
}

void send(CpuId cpu, std::uint8_t number) { command(identifiers[cpu], level_assert | number); }
void send_nmi(CpuId cpu) { command(identifiers[cpu], level_assert | delivery_nmi); }
void send_init(std::uint32_t apic_id) { command(apic_id, level_assert | delivery_init); }
void send_startup(std::uint32_t apic_id, std::uint8_t page) { command(apic_id, level_assert | delivery_startup | page); }

bool calibrate_timer(std::uint64_t tsc_cycles)
{
    if (use_deadline())
        return true;
    constexpr std::uint32_t start = ~0u;
    write(Register::timer, masked | vector::timer);
    write(Register::timer_initial, start);
    std::uint64_t const begin = read_tsc_ordered();
    std::uint32_t const first = read(Register::timer_current);
    std::uint64_t cycles;
    do
        cycles = read_tsc_ordered() - begin;
    while (cycles < tsc_cycles);
    std::uint32_t const ticks = first - read(Register::timer_current);
    write(Register::timer_initial, 0);
    write(Register::timer, vector::timer);
    ticks_per_cycle = (static_cast<std::uint64_t>(ticks) << 32) / cycles;
    return ticks_per_cycle != 0;
}

void arm_timer(std::uint64_t deadline)
{
    if (use_deadline()) {
        write_msr(msr::tsc_deadline, std::max<std::uint64_t>(deadline, 1)); // 0 would disarm
        return;
    }
    std::uint64_t const now = read_tsc();
    std::uint64_t const cycles = deadline > now ? std::min<std::uint64_t>(deadline - now, ~0u) : 0;
    std::uint64_t const ticks = (cycles * (ticks_per_cycle >> 16)) >> 16; // cycles < 2^32, ratio < 2^32
    write(Register::timer_initial, static_cast<std::uint32_t>(std::clamp<std::uint64_t>(ticks, 1, ~0u)));
}

void disarm_timer()
{
    if (use_deadline())
        write_msr(msr::tsc_deadline, 0);
    else
        write(Register::timer_initial, 0);
}

} // namespace rf::cpu::local_apic
