// SPDX-License-Identifier: MIT
#pragma once
/// Machine instructions on the host: registers are variables of each thread (each plays one processor), ports are answered
/// by the test's PortBus. Without one they read all ones, as an empty bus does.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <utility>

namespace rf::cpu {

template <class Index>
[[nodiscard]] inline bool clamp_index(Index& index, std::uint64_t size)
{
    bool const below = index < size;
    index = below ? index : 0;
    return below;
}

/// What answers IN and OUT.
class PortBus {
public:
    virtual ~PortBus() = default;
    virtual std::uint32_t in(std::uint16_t port, unsigned size) = 0;
    virtual void out(std::uint16_t port, unsigned size, std::uint32_t value) = 0;
};

inline PortBus* fake_ports = nullptr;
inline std::uint64_t fake_tsc = 0;

struct [[gnu::packed]] TableRegister {
    std::uint16_t limit;
    std::uint64_t base;
};

struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};

/// The registers of the processor that this thread plays.
struct FakeRegisters {
    std::uint64_t cr0 = 0x8005'0033, cr2 = 0, cr3 = 0, cr4 = 0x6a0;
    std::array<std::uint64_t, 8> debug{};
    std::map<std::uint32_t, std::uint64_t> msrs; ///< registers that exist
    std::map<std::pair<std::uint32_t, std::uint32_t>, CpuidResult> cpuid;
    std::uint16_t ds = 0, es = 0, fs = 0, gs = 0, ss = 0, task = 0, ldt = 0;
    std::uint64_t fs_base = 0, gs_base = 0, kernel_gs_base = 0;
    TableRegister gdt{}, idt{};
    std::uint64_t xcr0 = 1;
    bool interrupts_on = false;
    unsigned page_flushes = 0, full_flushes = 0, cache_flushes = 0;
    bool refuse_segments = false; ///< loading a selector other than null faults
};
inline thread_local FakeRegisters fake_registers;

[[nodiscard]] inline std::uint64_t read_cr0() { return fake_registers.cr0; }
[[nodiscard]] inline std::uint64_t read_cr2() { return fake_registers.cr2; }
[[nodiscard]] inline std::uint64_t read_cr3() { return fake_registers.cr3; }
[[nodiscard]] inline std::uint64_t read_cr4() { return fake_registers.cr4; }
inline void write_cr0(std::uint64_t v) { fake_registers.cr0 = v; }
inline void write_cr2(std::uint64_t v) { fake_registers.cr2 = v; }
inline void write_cr3(std::uint64_t v) { fake_registers.cr3 = v; }
inline void write_cr4(std::uint64_t v) { fake_registers.cr4 = v; }
inline void clear_task_switched() { fake_registers.cr0 &= ~8ull; }

template <unsigned Number>
[[nodiscard]] inline std::uint64_t read_debug()
{
    return fake_registers.debug[Number];
}
template <unsigned Number>
inline void write_debug(std::uint64_t v)
{
    fake_registers.debug[Number] = v;
}

[[nodiscard]] inline std::uint64_t read_msr(std::uint32_t number) { return fake_registers.msrs[number]; }
inline void write_msr(std::uint32_t number, std::uint64_t value) { fake_registers.msrs[number] = value; }
[[nodiscard]] inline bool read_msr_safe(std::uint32_t number, std::uint64_t& value)
{
    auto const found = fake_registers.msrs.find(number);
    value = found == fake_registers.msrs.end() ? 0 : found->second;
    return found != fake_registers.msrs.end();
}
[[nodiscard]] inline bool write_msr_safe(std::uint32_t number, std::uint64_t value)
{
    auto const found = fake_registers.msrs.find(number);
    if (found == fake_registers.msrs.end())
        return false;
    found->second = value;
    return true;
}

[[nodiscard]] inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0)
{
    auto const found = fake_registers.cpuid.find({leaf, subleaf});
    return found == fake_registers.cpuid.end() ? CpuidResult{0, 0, 0, 0} : found->second;
}
/// One thread may let time pass while others look.
[[nodiscard]] inline std::uint64_t read_tsc() { return std::atomic_ref(fake_tsc).load(std::memory_order_relaxed); }
[[nodiscard]] inline std::uint64_t read_tsc_ordered() { return read_tsc(); }

[[nodiscard]] inline std::uint8_t in8(std::uint16_t port)
{
    return static_cast<std::uint8_t>(fake_ports ? fake_ports->in(port, 1) : ~0u);
}
[[nodiscard]] inline std::uint16_t in16(std::uint16_t port)
{
    return static_cast<std::uint16_t>(fake_ports ? fake_ports->in(port, 2) : ~0u);
}
[[nodiscard]] inline std::uint32_t in32(std::uint16_t port) { return fake_ports ? fake_ports->in(port, 4) : ~0u; }
inline void out8(std::uint16_t port, std::uint8_t v)
{
    if (fake_ports)
        fake_ports->out(port, 1, v);
}
inline void out8_each(std::uint16_t port, void const* from, std::uint64_t count)
{
    for (auto const* bytes = static_cast<std::uint8_t const*>(from); count > 0; --count)
        out8(port, *bytes++);
}
inline void out16(std::uint16_t port, std::uint16_t v)
{
    if (fake_ports)
        fake_ports->out(port, 2, v);
}
inline void out32(std::uint16_t port, std::uint32_t v)
{
    if (fake_ports)
        fake_ports->out(port, 4, v);
}

inline void disable_interrupts() { fake_registers.interrupts_on = false; }
inline void enable_interrupts() { fake_registers.interrupts_on = true; }
/// Nothing wakes a stopped processor on the host.
[[noreturn]] inline void halt() { std::abort(); }
[[noreturn]] inline void wait_for_interrupt() { std::abort(); }
inline void full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void pause() {}

inline void invalidate_page(std::uint64_t) { ++fake_registers.page_flushes; }
inline void invalidate_all_contexts() { ++fake_registers.full_flushes; }
inline void write_back_and_invalidate() { ++fake_registers.cache_flushes; }
inline void flush_cache_line(void const*) { ++fake_registers.cache_flushes; }

inline void load_gdt(TableRegister const& table) { fake_registers.gdt = table; }
inline void load_idt(TableRegister const& table) { fake_registers.idt = table; }
[[nodiscard]] inline TableRegister store_gdt() { return fake_registers.gdt; }
inline void load_task(std::uint16_t selector) { fake_registers.task = selector; }
inline void load_ldt(std::uint16_t selector) { fake_registers.ldt = selector; }
inline void load_ss(std::uint16_t selector) { fake_registers.ss = selector; }
[[nodiscard]] inline std::uint16_t read_ds() { return fake_registers.ds; }
[[nodiscard]] inline std::uint16_t read_es() { return fake_registers.es; }
[[nodiscard]] inline std::uint16_t read_fs() { return fake_registers.fs; }
[[nodiscard]] inline std::uint16_t read_gs() { return fake_registers.gs; }

namespace detail {
[[nodiscard]] inline bool load_segment(std::uint16_t& segment, std::uint16_t selector)
{
    bool const loads = selector < 4 || !fake_registers.refuse_segments;
    segment = loads ? selector : 0;
    return loads;
}
} // namespace detail
[[nodiscard]] inline bool load_ds_safe(std::uint16_t s) { return detail::load_segment(fake_registers.ds, s); }
[[nodiscard]] inline bool load_es_safe(std::uint16_t s) { return detail::load_segment(fake_registers.es, s); }
[[nodiscard]] inline bool load_fs_safe(std::uint16_t s) { return detail::load_segment(fake_registers.fs, s); }
[[nodiscard]] inline bool load_gs_safe(std::uint16_t s) { return detail::load_segment(fake_registers.gs, s); }

inline void swap_gs() { std::swap(fake_registers.gs_base, fake_registers.kernel_gs_base); }
[[nodiscard]] inline std::uint64_t read_fs_base() { return fake_registers.fs_base; }
[[nodiscard]] inline std::uint64_t read_gs_base() { return fake_registers.gs_base; }
inline void write_fs_base(std::uint64_t v) { fake_registers.fs_base = v; }
inline void write_gs_base(std::uint64_t v) { fake_registers.gs_base = v; }

[[nodiscard]] inline std::uint64_t read_xcr0() { return fake_registers.xcr0; }
inline void write_xcr0(std::uint64_t value) { fake_registers.xcr0 = value; }

} // namespace rf::cpu
