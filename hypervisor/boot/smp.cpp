// SPDX-License-Identifier: MIT
#include "boot/smp.hpp"

#include "base/atomic.hpp"
#include "base/log.hpp"
#include "boot/boot.hpp"
#include "boot/cpu_block.hpp"
#include "boot/image.hpp"
#include "cpu/control.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/features.hpp"
#include "cpu/guards.hpp"
#include "cpu/insn.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/page_entry.hpp"
#include "cpu/syscall.hpp"
#include "cpu/tlb.hpp"
#include "mm/device_window.hpp"
#include "mm/hypervisor_space.hpp"

#include <algorithm>
#include <array>
#include <cstring>

extern "C" {
extern char const trampoline_start[];
extern char const trampoline_data[];
extern char const trampoline_end[];
void secondary_start(rf::CpuId cpu);
}

namespace rf::boot {
namespace {

namespace entry = cpu::page_entry;
namespace local_apic = cpu::local_apic;

struct [[gnu::packed]] FarPointer {
    std::uint32_t offset;
    std::uint16_t selector;
};

/// The fields at trampoline_data in boot/trampoline.S.
struct [[gnu::packed]] TrampolineData {
    std::uint64_t gdt[4];
    std::uint64_t entry;
    std::uint64_t stack;
    std::uint32_t root;
    std::uint32_t cpu;
    FarPointer far_protected;
    FarPointer far_long;
    std::uint16_t gdt_limit;
    std::uint32_t gdt_base;
};

using Table = std::array<std::uint64_t, table_entries>;
alignas(page_size) constinit std::array<Table, 4> start_tables{};
constinit Atomic<std::uint64_t> started{0};

constexpr std::uint16_t legacy_pic_mask = 0x21;
constexpr std::uint16_t legacy_pic_mask_second = 0xa1;
constexpr std::uint32_t highest_short_id = 254;

/// A root like the idle one in which the trampoline page is mapped to itself.
[[nodiscard]] std::uint32_t build_start_root(std::uint64_t page)
{
    auto const slots = mm::hypervisor_slots();
    std::copy(slots.begin(), slots.end(), start_tables[0].begin() + address_map::first_hypervisor_slot);
    for (unsigned level = 4; level > 1; --level)
        start_tables[4 - level][entry::index(page, level)] =
            image_physical(&start_tables[5 - level]).value | entry::present | entry::writable;
    start_tables[3][entry::index(page, 1)] = page | entry::present;
    return static_cast<std::uint32_t>(image_physical(&start_tables[0]).value);
}

/// Copies the code into the page and fixes the addresses that depend on where it is.
[[nodiscard]] TrampolineData& place_trampoline(std::uint64_t page)
{
    auto const size = static_cast<std::size_t>(trampoline_end - trampoline_start);
    auto* copy = direct(MachineAddress{page}.frame());
    std::memcpy(copy, trampoline_start, size);
    auto& data = *reinterpret_cast<TrampolineData*>(copy + (trampoline_data - trampoline_start));
    auto const base = static_cast<std::uint32_t>(page);
    data.far_protected.offset += base;
    data.far_long.offset += base;
    data.gdt_base += base;
    data.entry = reinterpret_cast<std::uint64_t>(&secondary_start);
    data.root = build_start_root(page);
    return data;
}

class Stopwatch {
public:
    explicit Stopwatch(std::uint64_t tsc_khz) : khz_(tsc_khz), start_(cpu::read_tsc()) {}
    [[nodiscard]] std::uint64_t microseconds() const { return (cpu::read_tsc() - start_) * 1000 / khz_; }

private:
    std::uint64_t khz_;
    std::uint64_t start_;
};

[[nodiscard]] bool wait_for(CpuId cpu, std::uint64_t microseconds, std::uint64_t tsc_khz)
{
    Stopwatch const watch(tsc_khz);
    while (watch.microseconds() < microseconds) {
        if (started.load(acquire) >> cpu & 1)
            return true;
        cpu::pause();
    }
    return started.load(acquire) >> cpu & 1;
}

[[nodiscard]] bool start_one(CpuId cpu, std::uint32_t apic_id, std::uint64_t page, TrampolineData& data,
                             std::uint64_t tsc_khz)
{
    data.cpu = cpu;
    data.stack = initial_stack(cpu);
    auto const vector = static_cast<std::uint8_t>(page >> page_shift);
    local_apic::send_init(apic_id);
    if (wait_for(cpu, 10'000, tsc_khz))
        return true;
    local_apic::send_startup(apic_id, vector);
    if (wait_for(cpu, 300, tsc_khz))
        return true;
    local_apic::send_startup(apic_id, vector);
    if (wait_for(cpu, 2'000'000, tsc_khz))
        return true;
    local_apic::send_init(apic_id); // it must not wake up late and take the next CPU's stack
    return false;
}

} // namespace

void start_local_apic()
{
    // The 8259s first: a request of theirs that arrives while the APIC's LINT0 is masked confuses emulated processors.
    cpu::out8(legacy_pic_mask, 0xff);
    cpu::out8(legacy_pic_mask_second, 0xff);
    if (local_apic::firmware_uses_x2apic())
        local_apic::choose_mode(local_apic::Mode::x2apic, nullptr);
    else
        local_apic::choose_mode(local_apic::Mode::memory, mm::map_device(local_apic::register_page(), page_size));
    local_apic::enable(0);
}

unsigned start_secondaries(std::span<std::uint32_t const> apic_ids, unsigned limit, std::uint64_t tsc_khz)
{
    std::uint64_t const page = trampoline_page();
    if (page == 0) {
        log::warning("smp: no memory below 1 MiB to start other CPUs from; running on one");
        return 1;
    }
    if (std::ranges::any_of(apic_ids, [](std::uint32_t id) { return id > highest_short_id; }) && cpu::host().x2apic) {
        local_apic::choose_mode(local_apic::Mode::x2apic, nullptr);
        local_apic::enable(0);
    }
    TrampolineData& data = place_trampoline(page);
    CpuId next = 1;
    for (std::uint32_t const apic_id : apic_ids) {
        if (next >= std::min(limit, max_cpus))
            break;
        if (apic_id == local_apic::id_of(0))
            continue;
        if (!build_cpu_block(next)) {
            log::warning("smp: no memory for CPU ", next);
            break;
        }
        if (start_one(next, apic_id, page, data, tsc_khz))
            ++next;
        else
            log::warning("smp: the CPU with APIC id ", apic_id, " does not answer; going on without it");
    }
    return next;
}

} // namespace rf::boot

/// First C++ of a secondary CPU, called by the trampoline on the CPU's own stack.
void secondary_start(rf::CpuId cpu)
{
    using namespace rf;
    cpu::set_control_registers();
    cpu::load_root_and_flush(mm::idle_root());
    cpu::load_descriptors(cpu);
    cpu::set_syscall_registers(cpu);
    cpu::arm_guards(cpu);
    cpu::local_apic::enable(cpu);
    cpu::set_online(cpu);
    boot::started.fetch_or(1ull << cpu, release);
    secondary_main(cpu);
}
