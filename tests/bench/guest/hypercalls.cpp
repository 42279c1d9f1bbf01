// SPDX-License-Identifier: MIT
/// Calls that do next to nothing, a call that copies in and out, privileged instructions.
#include "measure.hpp"
#include "xen/domid.h"
#include "xen/event.h"
#include "xen/mmu.h"
#include "xen/version.h"

namespace rf::bench {

using namespace runtime;

namespace {

void measure_multicall()
{
    constexpr unsigned calls = 16;
    static xen::multicall_entry entries[calls];
    for (auto& entry : entries) {
        entry = {};
        entry.op = xen::HYPERVISOR_xen_version;
        entry.args[0] = 0xdead;
    }
    measure("M1.multicall", 200, calls, [] { hypercall(xen::HYPERVISOR_multicall, &entries[0], calls); });
}

void measure_privileged_instructions()
{
    measure("M13.rdmsr", 1000, 1, [] {
        std::uint32_t low, high;
        constexpr std::uint32_t efer = 0xc0000080;
        asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(efer));
    });
    measure("M13.cpuid", 1000, 1, [] {
        std::uint32_t a = 0, b, c = 0, d;
        asm volatile("ud2a; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    });
    measure("M13.mov_from_cr0", 1000, 1, [] {
        std::uint64_t value;
        asm volatile("mov %%cr0, %0" : "=r"(value));
    });
    measure("M13.mov_to_cr4", 1000, 1, [] {
        std::uint64_t value;
        asm volatile("mov %%cr4, %0; mov %0, %%cr4" : "=r"(value) : : "memory");
    });
}

}  // namespace

void measure_hypercalls()
{
    measure("M1", 10000, 1, [] { hypercall(xen::HYPERVISOR_xen_version, 0xdead); });
    measure_multicall();
    measure("M2.copy_out", 1000, 1, [] {
        char text[16];
        hypercall(xen::HYPERVISOR_xen_version, xen::XENVER_extraversion, &text[0]);
    });
    xen::evtchn_status status{};
    status.dom = xen::DOMID_SELF;
    status.port = 1;
    measure("M2", 1000, 1, [&] { hypercall(xen::HYPERVISOR_event_channel_op, xen::EVTCHNOP_status, &status); });
    measure("M18.yield", 1000, 1, [] { hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield, nullptr); });
    measure_privileged_instructions();
}

}  // namespace rf::bench
