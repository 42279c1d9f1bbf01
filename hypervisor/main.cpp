// SPDX-License-Identifier: MIT
/// The wiring of the machine: brings the rooms up from the ground floor, builds Dom0, and lets it run.
#include "audit/machine_audit.hpp"
#include "base/log.hpp"
#include "base/panic.hpp"
#include "base/panic_hooks.hpp"
#include "boot/access_gate.hpp"
#include "boot/boot.hpp"
#include "boot/branch_thunks.hpp"
#include "boot/smp.hpp"
#include "cpu/features.hpp"
#include "cpu/guards.hpp"
#include "cpu/insn.hpp"
#include "cpu/ipi.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/xstate.hpp"
#include "dev/bring_up.hpp"
#include "dev/clock_source.hpp"
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "dev/power.hpp"
#include "dev/rtc.hpp"
#include "dom0/first_domain.hpp"
#include "domain/counts.hpp"
#include "domain/states.hpp"
#include "entry/begin.hpp"
#include "event/registry.hpp"
#include "hypercall/machine_map.hpp"
#include "hypercall/version.hpp"
#include "mm/allocator.hpp"
#include "mm/device_window.hpp"
#include "mm/hypervisor_space.hpp"
#include "mm/zero_frame.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "pvmmu/space.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "time/timer.hpp"
#include "xen/event.h"

#include <algorithm>
#include <bit>

namespace rf {
namespace {

/// Ends the boot for a reason that the operator can mend.
[[noreturn]] void give_up(std::string_view what, Errno error)
{
    log::error(what, " (error ", error, ")");
    dev::power::reset_unless_forbidden();
}

/// The text screen, where the firmware left one.
void open_screen(boot::Framebuffer const& framebuffer)
{
    if (framebuffer.kind != boot::DisplayKind::text && framebuffer.kind != boot::DisplayKind::none)
        return;
    constexpr MachineAddress text_buffer{0xb8000};
    if (void volatile* window = mm::map_device(text_buffer, page_size))
        dev::console::open_screen(static_cast<std::uint16_t volatile*>(window));
}

void read_firmware(boot::BootInfo const& info)
{
    dev::FirmwareHints hints;
    hints.efi_system_table = info.efi.system_table.value;
    hints.efi_memory_map = info.efi.memory_map;
    hints.efi_descriptor_bytes = info.efi.descriptor_size;
    hints.root_pointer = info.rsdp.address.value;
    hints.root_pointer_bytes = std::span(info.rsdp.bytes).first(info.rsdp.size);
    if (Status read = dev::read_firmware(hints); !read)
        give_up("no ACPI tables were found: the interrupt controllers are unknown", read.error());
}

std::uint64_t start_time()
{
    auto const khz = dev::calibrate_tsc_khz();
    if (!khz)
        give_up("no timer to measure the processor's clock against", khz.error());
    auto const seconds = dev::rtc::read_unix_seconds();
    time::init(*khz, seconds ? *seconds * time::second : 0);
    dev::console::set_clock(time::now);
    if (!seconds)
        log::warning("time: the real-time clock cannot be read: the wall clock starts in 1970 until Dom0 sets it");
    return *khz;
}

/// Programs the local timer of the calling CPU for a system time.
void set_deadline(Nanoseconds deadline)
{
    if (deadline == never)
        cpu::local_apic::disarm_timer();
    else
        cpu::local_apic::arm_timer(time::tsc_of(deadline));
}

void start_timers(std::uint64_t khz)
{
    constexpr std::uint64_t calibration_ms = 10;
    if (!cpu::local_apic::calibrate_timer(khz * calibration_ms))
        give_up("the local APIC's timer does not count", Errno::eio);
    time::set_deadline_hook(set_deadline);
}

unsigned start_processors(std::uint64_t khz)
{
    std::array<std::uint32_t, max_cpus> apic_ids{};
    std::size_t count = 0;
    for (dev::acpi::LocalApic const& processor : dev::machine_tables.processors)
        if (processor.enabled && count < apic_ids.size())
            apic_ids[count++] = processor.apic_id;
    unsigned const limit = dev::options.max_cpus ? std::min(dev::options.max_cpus, max_cpus) : max_cpus;
    unsigned const running = boot::start_secondaries(std::span(apic_ids).first(count), limit, khz);
    log::info("cpu: ", running, " of ", count, " processors run");
    return running;
}

/// Looks for serial input 50 times a second where a line has no interrupt.
void poll_input(void*);
constinit time::Timer input_poll(poll_input, nullptr);

void poll_input(void*)
{
    constexpr Nanoseconds poll_period = 20'000'000;
    dev::console::poll();
    input_poll.arm(time::now() + poll_period);
}

/// Looks after output that waits for a serial line, besides the line's interrupt, if it has one.
void send_output(void*);
constinit time::Timer output_poll(send_output, nullptr);
constexpr Nanoseconds output_period = 2'000'000; // a FIFO's content at 115200 baud takes 1.4 ms

void send_output(void*)
{
    if (dev::console::send())
        output_poll.arm(time::now() + output_period);
}

void start_interrupts()
{
    dev::LocalInterrupts const local{cpu::local_apic::end_of_interrupt, cpu::local_apic::id_of};
    if (Status up = dev::bring_up_interrupts(local, 0); !up)
        give_up("no I/O APIC was found: devices cannot interrupt", up.error());
    dev::console::set_input_hook([] { event::registry.raise_global(xen::VIRQ_CONSOLE); });
    if (dev::console::input_is_polled())
        poll_input(nullptr);
    dev::console::set_output_hook([] {
        if (!output_poll.armed())
            output_poll.arm(time::now() + output_period);
    });
    dev::console::set_ring_hook([] { event::registry.raise_global(xen::VIRQ_CON_RING); });
}

/// Dom0 sees the machine's own memory map.
void publish_memory_map(boot::BootInfo const& info)
{
    std::array<xen::e820entry, boot::memory_regions_max> host;
    std::size_t count = 0;
    for (boot::MemoryRegion const& region : info.memory.regions())
        host[count++] = {region.start, region.length, static_cast<std::uint32_t>(region.type)};
    if (Status set = hypercall::set_machine_map(std::span(host).first(count)); !set)
        give_up("the firmware's memory map has too many entries", set.error());
}

/// What CPUID tells guests.
void make_cpuid_policies(std::uint64_t khz)
{
    pvcpu::HypervisorLeaves facts;
    facts.tsc_khz = khz;
    facts.tsc_mul = time::scale().mul;
    facts.tsc_shift = time::scale().shift;
    facts.machine_address_bits = static_cast<unsigned>(std::bit_width(mm::frames.limit().value - 1)) + page_shift;
    pvcpu::build_policies(cpu::supported_xcr0(), facts);
}

/// What the page-table rules must know of the machine.
void prepare_page_tables()
{
    pvmmu::entry_limits.frame_limit = 1ull << (cpu::host().physical_address_bits - page_shift);
    std::ranges::copy(mm::hypervisor_slots(), pvmmu::shared_slots.begin());
    mm::create_zero_frame();
}

} // namespace
} // namespace rf

void early_console(rf::boot::BootInfo const& info)
{
    using namespace rf;
    dev::parse_command_line(info.command_line, dev::options);
    dev::console::initialise(dev::options);
    panic_set_reboot(dev::options.reboot);
    panic_hooks.reset = [] { dev::power::reset(); };
    panic_hooks.break_locks = dev::console::break_locks;
    log::info("Ringfort, a hypervisor for paravirtual guests (Xen ABI 4.17)");
    dev::report_complaints(dev::options);
    hypercall::set_command_line(info.command_line);
    cpu::local_apic::allow_tsc_deadline(dev::options.tsc_deadline);
    cpu::set_guards(dev::options.guards);
    boot::set_branch_thunks(cpu::guards().indirect);
    boot::set_access_gate(dev::options.smap);
}

void hypervisor_main(rf::boot::BootInfo const& info)
{
    using namespace rf;
    dev::power::set_stop_others(cpu::stop_others);
    open_screen(info.framebuffer);
    read_firmware(info);
    std::uint64_t const khz = start_time();
    start_timers(khz);
    sched::scheduler.start_cpu(0, time::now());
    make_cpuid_policies(khz);
    prepare_page_tables();
    unsigned const processors = start_processors(khz);
    start_interrupts();
    audit::enable();
    domain::enable_counts();
    domain::enable_states();
    publish_memory_map(info);
    if (!dom0::start_first_domain(info, processors))
        dev::power::reset_unless_forbidden();
    log::info("boot: ", mm::allocator.free_frames() >> 8, " MiB free, Dom0 starts");
    entry::begin();
}

void secondary_main(rf::CpuId cpu)
{
    using namespace rf;
    sched::scheduler.start_cpu(cpu, time::now());
    entry::begin();
}
