// SPDX-License-Identifier: MIT
/// A user mode of one page of code and one of stack, with page tables of its own: system calls and faults that bounce.
#include <cstring>

#include "measure.hpp"
#include "stubs.hpp"
#include "xen/domid.h"
#include "xen/mmu.h"
#include "xen/trap.h"

namespace rf::bench {

using namespace runtime;

namespace {

constexpr std::uint64_t code_address = 0x1000000, stack_address = code_address + page_size;
constexpr std::uint64_t table_bits = 0x67, read_only_bits = 0x25, writable_bits = 0x67;

std::uint64_t entry_for(const void* page, std::uint64_t bits)
{
    return static_cast<std::uint64_t>(memory.machine_frame(page)) * page_size | bits;
}

std::uint64_t address_of(const char* label)
{
    return code_address + static_cast<std::uint64_t>(label - bench_user_begin);
}

long extended(std::uint32_t command, const void* page)
{
    xen::mmuext_op op{};
    op.cmd = command;
    op.arg1.mfn = static_cast<std::uint64_t>(memory.machine_frame(page));
    return hypercall(xen::HYPERVISOR_mmuext_op, &op, 1, nullptr, xen::DOMID_SELF);
}

/// Four levels of tables with the two pages, made this vCPU's user tables.
void make_user_space()
{
    std::byte* const code = memory.allocate();
    std::memcpy(code, bench_user_begin, static_cast<std::size_t>(bench_user_end - bench_user_begin));
    std::uint64_t below = 0;
    std::byte* top = nullptr;
    for (unsigned level = 1; level <= 4; ++level) {
        std::byte* const table = memory.allocate();
        auto* const entries = reinterpret_cast<std::uint64_t*>(table);
        const std::uint64_t index = code_address >> (3 + 9 * level) & 511;
        if (level == 1) {
            entries[index] = entry_for(code, read_only_bits);
            entries[index + 1] = entry_for(memory.allocate(), writable_bits);
        } else {
            entries[index] = below;
        }
        below = entry_for(table, table_bits);
        top = table;
        require(checked(hypercall(xen::HYPERVISOR_update_va_mapping, table, entry_for(table, read_only_bits), xen::UVMF_INVLPG)),
                "make a table read-only");
    }
    require(checked(extended(xen::MMUEXT_PIN_L4_TABLE, top)), "pin the user's tables");
    require(checked(extended(xen::MMUEXT_NEW_USER_BASEPTR, top)), "use the user's tables");
}

void set_syscall_handler(void (*entry)())
{
    xen::callback_register registration{xen::CALLBACKTYPE_syscall, xen::CALLBACKF_mask_events, reinterpret_cast<std::uint64_t>(entry)};
    require(checked(hypercall(xen::HYPERVISOR_callback_op, xen::CALLBACKOP_register, &registration)), "set the system call handler");
}

struct Totals {
    std::uint64_t sum, least, second_sum, second_least;
};

Totals run_user(const char* label, std::uint64_t rounds)
{
    std::uint64_t words[4];
    bench_enter_user(address_of(label), stack_address + page_size - 64, rounds, words);
    events.unmask_upcalls();
    return {words[0], words[1], words[2], words[3]};
}

void print_figure(std::string_view name, std::uint64_t rounds, std::uint64_t total, std::uint64_t least)
{
    Tally tally;
    tally.set(rounds, total, least);
    tally.print(name, 1);
}

}  // namespace

void measure_user_mode()
{
    if (!wanted("M3") && !wanted("M5") && !wanted("M6"))
        return;
    constexpr std::uint64_t rounds = 1000;
    alignas(16) static std::byte kernel_stack[page_size];
    make_user_space();
    hypercall(xen::HYPERVISOR_stack_switch, xen::FLAT_KERNEL_SS, &kernel_stack[page_size]);
    xen::trap_info table[] = {{6, xen::TRAP_INFO_MASK_EVENTS, xen::FLAT_KERNEL_CS, reinterpret_cast<std::uint64_t>(bench_on_user_done)},
                              {14, xen::TRAP_INFO_MASK_EVENTS, xen::FLAT_KERNEL_CS, reinterpret_cast<std::uint64_t>(bench_on_page_fault)},
                              {}};
    require(checked(hypercall(xen::HYPERVISOR_set_trap_table, &table[0])), "set the handlers");
    set_syscall_handler(bench_on_syscall);
    // what user code's pair of counter reads takes: shl, or, mov behind the first, the marks if any, and the second read itself
    constexpr std::uint64_t reads_and_marks = 6, reads = 4;
    static_cast<void>(run_user(bench_user_syscalls, warming_rounds));
    if (wanted("M3")) {
        MARK(MARK_FIGURE);
        const Totals whole = run_user(bench_user_syscalls, rounds);
        MARK(MARK_REST);
        print_figure("M3", rounds, whole.sum - rounds * reads_and_marks, whole.least - reads_and_marks);
    }
    if (wanted("M5")) {
        set_syscall_handler(bench_on_timed_syscall);
        static_cast<void>(run_user(bench_user_timed_syscalls, warming_rounds));
        MARK(MARK_FIGURE);
        const Totals ways = run_user(bench_user_timed_syscalls, rounds);
        MARK(MARK_REST);
        print_figure("M3.in", rounds, ways.sum - rounds * reads, ways.least - reads);
        print_figure("M5.user", rounds, ways.second_sum, ways.second_least);
    }
    if (wanted("M6")) {
        static_cast<void>(run_user(bench_user_faults, warming_rounds));
        MARK(MARK_FIGURE);
        const Totals faults = run_user(bench_user_faults, rounds);
        MARK(MARK_REST);
        print_figure("M6.pf_user", rounds, faults.sum - rounds * reads_and_marks, faults.least - reads_and_marks);
    }
    require(register_exceptions(), "put the handlers back");
}

}  // namespace rf::bench
