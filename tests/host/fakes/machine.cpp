// SPDX-License-Identifier: MIT
/// What the hypervisor's rooms ask of the processor, as a test on the host answers it: one CPU, nothing cached.
#include "base/panic.hpp"
#include "cpu/tlb.hpp"

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

std::uint32_t flush_clock_now() { return 1; }
CpuMask filter_flushed_since(CpuMask cpus, std::uint32_t) { return cpus; }
void flush_cpus(CpuMask, FlushRange) {}
CpuMask online() { return CpuMask::of(0); }

} // namespace rf::cpu
