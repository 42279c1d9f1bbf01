// SPDX-License-Identifier: MIT
/// What the hypervisor's rooms ask of the processor, as a test on the host answers it. Translations are not cached, but
/// the flushes that would be needed are counted (fake_tlb.hpp).
#include "base/panic.hpp"
#include "cpu/current.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/insn.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/tlb.hpp"
#include "fake_tlb.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace rf {

void panic(std::string_view why, std::source_location where)
{
    std::fprintf(stderr, "panic: %.*s at %s:%u\n", static_cast<int>(why.size()), why.data(), where.file_name(),
                 where.line());
    std::abort();
}

} // namespace rf

namespace rf::cpu {
namespace {

void flushed_everything(CpuId cpu) { fake_tlb.flushed[cpu] = fake_tlb.clock.fetch_add(1) + 1; }

} // namespace

std::uint32_t flush_clock_now() { return fake_tlb.clock; }

CpuMask filter_flushed_since(CpuMask cpus, std::uint32_t stamp)
{
    CpuMask stale;
    cpus.for_each([&](CpuId cpu) {
        if (std::max(fake_tlb.flushed[cpu].load(), 1u) <= stamp)
            stale.add(cpu);
    });
    return stale;
}

void flush_cpus(CpuMask cpus, FlushRange range)
{
    ++fake_tlb.requests;
    fake_tlb.last_asked = cpus.bits();
    if (fake_tlb.watch)
        fake_tlb.watch();
    if (range.pages == 0)
        cpus.for_each(flushed_everything);
}

void flush_local() { flush_cpus(CpuMask::of(current_id()), FlushRange::all()); }
void flush_page_local(std::uint64_t address) { flush_cpus(CpuMask::of(current_id()), FlushRange::page(address)); }

void load_root_and_flush(Mfn root)
{
    write_cr3(root.value << page_shift);
    flushed_everything(current_id());
}

CpuMask online() { return CpuMask{fake_tlb.online}; }

std::uint32_t local_apic::id_of(CpuId cpu) { return cpu; }

void load_ldt_window(std::uint64_t, unsigned entries) { fake_registers.ldt = entries ? selector::ldt : 0; }

} // namespace rf::cpu
