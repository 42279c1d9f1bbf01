// SPDX-License-Identifier: MIT
#pragma once
/// Single machine instructions. The only place with inline assembly, so that everything above can run on a host with this
/// header replaced. Forms ending in `_safe` survive a fault through the fix-up table (cpu/fixup.hpp) and say so.

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace rf::cpu {

/// Is `index` below `size`? Where it is not it becomes 0, also while the processor runs ahead of what the caller makes of the answer
/// (Spectre, variant 1). For every table that a guest's number chooses from.
template <std::unsigned_integral Index>
[[nodiscard, gnu::always_inline]] inline bool clamp_index(Index& index, std::uint64_t size)
{
    std::uint64_t clamped = index;
    bool below;
    asm volatile("cmp %[size], %[clamped]\n\tcmovae %[zero], %[clamped]" // the move waits for the comparison, whatever is predicted
                 : [clamped] "+r"(clamped), "=@ccc"(below)
                 : [size] "rme"(size), [zero] "r"(std::uint64_t{0}));
    index = static_cast<Index>(clamped);
    return below;
}

/// `index` where it is below `size`, else `size`, and that also while the processor runs ahead: for tables with an entry more, which
/// stands for every number beyond them.
template <std::unsigned_integral Index>
[[nodiscard, gnu::always_inline]] inline Index clamp_to_last(Index index, std::uint64_t size)
{
    std::uint64_t clamped = index;
    asm volatile("cmp %[size], %[clamped]\n\tcmovae %[size], %[clamped]" : [clamped] "+r"(clamped) : [size] "r"(size) : "cc");
    return static_cast<Index>(clamped);
}

// Control registers.
[[nodiscard]] inline std::uint64_t read_cr0() { std::uint64_t v; asm volatile("mov %%cr0, %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint64_t read_cr2() { std::uint64_t v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint64_t read_cr3() { std::uint64_t v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint64_t read_cr4() { std::uint64_t v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
inline void write_cr0(std::uint64_t v) { asm volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
inline void write_cr2(std::uint64_t v) { asm volatile("mov %0, %%cr2" : : "r"(v) : "memory"); }
inline void write_cr3(std::uint64_t v) { asm volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
inline void write_cr4(std::uint64_t v) { asm volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }
/// Clears CR0.TS.
inline void clear_task_switched() { asm volatile("clts" : : : "memory"); }

// Debug registers.
template <unsigned Number>
[[nodiscard]] inline std::uint64_t read_debug()
{
    std::uint64_t v;
    asm volatile("mov %%dr%c1, %0" : "=r"(v) : "i"(Number));
    return v;
}
template <unsigned Number>
inline void write_debug(std::uint64_t v)
{
    asm volatile("mov %0, %%dr%c1" : : "r"(v), "i"(Number));
}

// Model-specific registers.
[[nodiscard]] inline std::uint64_t read_msr(std::uint32_t number)
{
    std::uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return static_cast<std::uint64_t>(high) << 32 | low;
}
inline void write_msr(std::uint32_t number, std::uint64_t value)
{
    asm volatile("wrmsr" : : "c"(number), "a"(static_cast<std::uint32_t>(value)),
                 "d"(static_cast<std::uint32_t>(value >> 32)) : "memory");
}
/// False, and `value` zero, when the register does not exist.
[[nodiscard]] inline bool read_msr_safe(std::uint32_t number, std::uint64_t& value)
{
    std::uint32_t low = 0, high = 0;
    bool done = false;
    asm volatile("1: rdmsr\n\t"
                 "movb $1, %[done]\n"
                 "2:\n\t"
                 ".pushsection .fixup_table, \"a\"\n\t"
                 ".quad 1b, 2b\n\t"
                 ".popsection"
                 : "+a"(low), "+d"(high), [done] "+q"(done) : "c"(number));
    value = static_cast<std::uint64_t>(high) << 32 | low;
    return done;
}
/// False when the register does not exist or refuses the value.
[[nodiscard]] inline bool write_msr_safe(std::uint32_t number, std::uint64_t value)
{
    bool done = false;
    asm volatile("1: wrmsr\n\t"
                 "movb $1, %[done]\n"
                 "2:\n\t"
                 ".pushsection .fixup_table, \"a\"\n\t"
                 ".quad 1b, 2b\n\t"
                 ".popsection"
                 : [done] "+q"(done)
                 : "c"(number), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
    return done;
}

// Identification and time.
struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};
[[nodiscard]] inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0)
{
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}
/// Whether a word that it told has that bit.
[[nodiscard]] constexpr bool bit(std::uint32_t word, unsigned number) { return word >> number & 1; }
[[nodiscard]] inline std::uint64_t read_tsc()
{
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return static_cast<std::uint64_t>(high) << 32 | low;
}
/// Reads the TSC after all earlier instructions finished.
[[nodiscard]] inline std::uint64_t read_tsc_ordered()
{
    asm volatile("lfence" : : : "memory");
    return read_tsc();
}

// Ports.
[[nodiscard]] inline std::uint8_t in8(std::uint16_t port) { std::uint8_t v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
[[nodiscard]] inline std::uint16_t in16(std::uint16_t port) { std::uint16_t v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
[[nodiscard]] inline std::uint32_t in32(std::uint16_t port) { std::uint32_t v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
/// One byte after the other to the same port.
inline void out8_each(std::uint16_t port, void const* from, std::uint64_t count)
{
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}
inline void out8(std::uint16_t port, std::uint8_t v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
inline void out16(std::uint16_t port, std::uint16_t v) { asm volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
inline void out32(std::uint16_t port, std::uint32_t v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }

// Interrupt flag, waiting.
inline void disable_interrupts() { asm volatile("cli" : : : "memory"); }
inline void enable_interrupts() { asm volatile("sti" : : : "memory"); }
inline void halt() { asm volatile("hlt" : : : "memory"); }
/// Sleeps until an interrupt and takes it; no interrupt can slip in between. Interrupts are off again afterwards.
inline void wait_for_interrupt() { asm volatile("sti\n\thlt\n\tcli" : : : "memory"); }
/// Orders everything before against everything after, serialising MSR writes included (MFENCE; LFENCE).
inline void full_fence() { asm volatile("mfence\n\tlfence" : : : "memory"); }
inline void pause() { asm volatile("pause" : : : "memory"); }

// Caches and translations.
inline void invalidate_page(std::uint64_t address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
/// INVPCID with type 2: all contexts, global translations too (SDM vol. 2, INVPCID).
inline void invalidate_all_contexts()
{
    struct { std::uint64_t pcid, address; } const descriptor{0, 0};
    asm volatile("invpcid %0, %1" : : "m"(descriptor), "r"(2ull) : "memory");
}
inline void write_back_and_invalidate() { asm volatile("wbinvd" : : : "memory"); }
inline void flush_cache_line(void const* address) { asm volatile("clflush (%0)" : : "r"(address) : "memory"); }

// Descriptor tables and segments.
struct [[gnu::packed]] TableRegister {
    std::uint16_t limit;
    std::uint64_t base;
};
inline void load_gdt(TableRegister const& table) { asm volatile("lgdt %0" : : "m"(table) : "memory"); }
inline void load_idt(TableRegister const& table) { asm volatile("lidt %0" : : "m"(table) : "memory"); }
[[nodiscard]] inline TableRegister store_gdt() { TableRegister table; asm volatile("sgdt %0" : "=m"(table)); return table; }
inline void load_task(std::uint16_t selector) { asm volatile("ltr %0" : : "r"(selector) : "memory"); }
inline void load_ldt(std::uint16_t selector) { asm volatile("lldt %0" : : "r"(selector) : "memory"); }
inline void load_cs(std::uint16_t selector)
{
    std::uint64_t scratch;
    asm volatile("lea 1f(%%rip), %0\n\t"
                 "push %1\n\t"
                 "push %0\n\t"
                 "lretq\n"
                 "1:" : "=&r"(scratch) : "r"(static_cast<std::uint64_t>(selector)) : "memory");
}
inline void load_ss(std::uint16_t selector) { asm volatile("mov %0, %%ss" : : "r"(selector) : "memory"); }
[[nodiscard]] inline std::uint16_t read_ds() { std::uint16_t v; asm volatile("mov %%ds, %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint16_t read_es() { std::uint16_t v; asm volatile("mov %%es, %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint16_t read_fs() { std::uint16_t v; asm volatile("mov %%fs, %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint16_t read_gs() { std::uint16_t v; asm volatile("mov %%gs, %0" : "=r"(v)); return v; }

/// Loads a data segment register; false, and the register holds 0, when the selector cannot be loaded.
#define RF_SEGMENT_LOADER(name, segment)                                                                               \
    [[nodiscard]] inline bool name(std::uint16_t selector)                                                             \
    {                                                                                                                  \
        bool failed = true;                                                                                            \
        asm volatile("1: mov %[selector], %%" segment "\n\t"                                                           \
                     "movb $0, %[failed]\n"                                                                            \
                     "2:\n\t"                                                                                          \
                     ".pushsection .fixup_table, \"a\"\n\t"                                                            \
                     ".quad 1b, 2b\n\t"                                                                                \
                     ".popsection"                                                                                     \
                     : [failed] "+q"(failed) : [selector] "r"(selector) : "memory");                                   \
        if (failed) [[unlikely]] {                                                                                     \
            asm volatile("mov %0, %%" segment : : "r"(0) : "memory");                                                  \
        }                                                                                                              \
        return !failed;                                                                                                \
    }
RF_SEGMENT_LOADER(load_ds_safe, "ds")
RF_SEGMENT_LOADER(load_es_safe, "es")
RF_SEGMENT_LOADER(load_fs_safe, "fs")
RF_SEGMENT_LOADER(load_gs_safe, "gs")
#undef RF_SEGMENT_LOADER

inline void swap_gs() { asm volatile("swapgs" : : : "memory"); }
/// The four below need CR4.FSGSBASE.
[[nodiscard]] inline std::uint64_t read_fs_base() { std::uint64_t v; asm volatile("rdfsbase %0" : "=r"(v)); return v; }
[[nodiscard]] inline std::uint64_t read_gs_base() { std::uint64_t v; asm volatile("rdgsbase %0" : "=r"(v)); return v; }
inline void write_fs_base(std::uint64_t v) { asm volatile("wrfsbase %0" : : "r"(v) : "memory"); }
inline void write_gs_base(std::uint64_t v) { asm volatile("wrgsbase %0" : : "r"(v) : "memory"); }

// Extended state.
[[nodiscard]] inline std::uint64_t read_xcr0()
{
    std::uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<std::uint64_t>(high) << 32 | low;
}
inline void write_xcr0(std::uint64_t value)
{
    asm volatile("xsetbv" : : "c"(0), "a"(static_cast<std::uint32_t>(value)),
                 "d"(static_cast<std::uint32_t>(value >> 32)) : "memory");
}
inline void xsave(void* area) { asm volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory"); }
inline void xsaveopt(void* area) { asm volatile("xsaveopt64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory"); }
inline void xrstor(void const* area) { asm volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory"); }
inline void fxsave(void* area) { asm volatile("fxsave64 (%0)" : : "r"(area) : "memory"); }
inline void fxrstor(void const* area) { asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory"); }
/// Overwrites the x87 pointers with our own, for processors that do not restore them without a pending exception.
inline void clear_x87_pointers()
{
    std::uint32_t const zero = 0;
    asm volatile("fnclex\n\tffree %%st(7)\n\tfildl %0" : : "m"(zero) : "memory");
}
/// Clears the microarchitectural buffers where microcode gives VERW that meaning.
inline void verify_write(std::uint16_t const& selector) { asm volatile("verw %0" : : "m"(selector) : "cc"); }

// String instructions; the direction flag is clear, as always between functions. Pointers move past what was touched.
inline void repeat_move_words(void*& to, void const*& from, std::size_t words)
{
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}
inline void repeat_move_bytes(void*& to, void const*& from, std::size_t bytes)
{
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}
/// Downwards: the pointers name the last bytes.
inline void repeat_move_bytes_down(void* to, void const* from, std::size_t bytes)
{
    asm volatile("std\n\trep movsb\n\tcld" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory", "cc");
}
inline void repeat_store_words(void*& to, std::uint64_t value, std::size_t words)
{
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(value) : "memory");
}
inline void repeat_store_bytes(void*& to, std::uint8_t value, std::size_t bytes)
{
    asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
}

/// Stack pointer of the caller.
[[nodiscard]] inline std::uint64_t stack_pointer() { std::uint64_t v; asm volatile("mov %%rsp, %0" : "=r"(v)); return v; }

} // namespace rf::cpu
