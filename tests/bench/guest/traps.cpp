// SPDX-License-Identifier: MIT
/// Exceptions of the guest kernel delivered to its own handlers and back; iret to the kernel itself.
#include "measure.hpp"
#include "stubs.hpp"
#include "xen/mmu.h"
#include "xen/trap.h"

namespace rf::bench {

using namespace runtime;

namespace {

void set_handlers()
{
    const auto handler = [](std::uint8_t vector, void (*entry)()) {
        return xen::trap_info{vector, xen::TRAP_INFO_MASK_EVENTS, xen::FLAT_KERNEL_CS, reinterpret_cast<std::uint64_t>(entry)};
    };
    xen::trap_info table[] = {handler(6, bench_on_invalid_opcode), handler(13, bench_on_protection_fault),
                              handler(14, bench_on_page_fault), {}};
    require(checked(hypercall(xen::HYPERVISOR_set_trap_table, &table[0])), "set the handlers");
}

}  // namespace

void measure_traps()
{
    std::byte* const page = memory.allocate();
    const auto frame = static_cast<std::uint64_t>(memory.machine_frame(page));
    require(memory.make_inaccessible(page), "take a page out of the window");
    set_handlers();
    measure("M6.ud", 1000, 1, [] { asm volatile("ud2" : : : "memory"); });
    measure("M6.gp", 1000, 1, [] {
        std::uint64_t address = 1ull << 63;
        asm volatile("mov (%0), %0" : "+a"(address) : : "memory");
    });
    measure("M6.gp_selector", 1000, 1, [] {
        // a selector beyond the descriptor table; the handler skips mov and prefix alike
        std::uint32_t selector = 0xfff8;
        asm volatile(".byte 0x66; mov %0, %%es" : : "a"(selector) : "memory");
    });
    measure("M6.pf", 1000, 1, [page] {
        auto address = reinterpret_cast<std::uint64_t>(page);
        asm volatile("mov (%0), %0" : "+a"(address) : : "memory");
    });
    measure("M5.kernel", 1000, 1, [] { bench_return_to_self(); });
    require(register_exceptions(), "put the handlers back");
    require(memory.map_shared(page, MachineFrame{frame}), "put the page back");
    memory.release(page);
}

}  // namespace rf::bench
