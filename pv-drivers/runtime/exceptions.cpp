// SPDX-License-Identifier: MIT
#include "exceptions.hpp"

#include "console.hpp"
#include "events.hpp"
#include "hypercall.hpp"
#include "power.hpp"
#include "processors.hpp"

/// One exception's entry point in entry.S.
struct ExceptionEntry {
    std::uint64_t address;
    std::uint64_t vector;
};

extern "C" const ExceptionEntry runtime_exceptions[];

namespace rf::runtime {

namespace {

constexpr std::uint64_t vector_breakpoint = 3;
constexpr std::uint64_t vector_page_fault = 14;

const xen::shared_info* shared_page = nullptr;
bool handling = false;
ExceptionHook exception_hook = nullptr;

void handle_exception(const Registers& registers)
{
    if (handling)
        shutdown_now(xen::SHUTDOWN_crash);
    handling = true;
    print("\nexception ", registers.vector, " error ", Hex{registers.error_code});
    if (registers.vector == vector_page_fault)
        print(" at address ", Hex{shared_page->vcpu_info[processor_number()].arch.cr2});
    print("\n");
    print_registers(registers);
    if (registers.vector != vector_breakpoint)
        shutdown(xen::SHUTDOWN_crash);
    handling = false;
}

}  // namespace

Result<void> initialise_exceptions(const xen::shared_info* shared)
{
    shared_page = shared;
    return register_exceptions();
}

void set_exception_hook(ExceptionHook hook)
{
    exception_hook = hook;
}

namespace {

xen::trap_info trap_of(const ExceptionEntry& entry)
{
    return {static_cast<std::uint8_t>(entry.vector), xen::TRAP_INFO_MASK_EVENTS, xen::FLAT_KERNEL_CS, entry.address};
}

}  // namespace

void for_each_exception(void (*visit)(const xen::trap_info&))
{
    for (const auto* entry = runtime_exceptions; entry->address != 0; ++entry)
        visit(trap_of(*entry));
}

Result<void> register_exceptions()
{
    xen::trap_info table[33] = {};
    unsigned count = 0;
    for (const auto* entry = runtime_exceptions; entry->address != 0 && count < 32; ++entry)
        table[count++] = trap_of(*entry);
    const auto done = checked(hypercall(xen::HYPERVISOR_set_trap_table, &table[0]));
    if (!done)
        return std::unexpected(done.error());
    return {};
}

void print_registers(const Registers& r)
{
    print("rip ", Hex{r.rip}, " cs  ", Hex{r.cs}, " flg ", Hex{r.rflags}, "\n");
    print("rsp ", Hex{r.rsp}, " ss  ", Hex{r.ss}, " rbp ", Hex{r.rbp}, "\n");
    print("rax ", Hex{r.rax}, " rbx ", Hex{r.rbx}, " rcx ", Hex{r.rcx}, "\n");
    print("rdx ", Hex{r.rdx}, " rsi ", Hex{r.rsi}, " rdi ", Hex{r.rdi}, "\n");
    print("r8  ", Hex{r.r8}, " r9  ", Hex{r.r9}, " r10 ", Hex{r.r10}, "\n");
    print("r11 ", Hex{r.r11}, " r12 ", Hex{r.r12}, " r13 ", Hex{r.r13}, "\n");
    print("r14 ", Hex{r.r14}, " r15 ", Hex{r.r15}, "\n");
}

/// Every entry point of entry.S ends here.
extern "C" void runtime_interrupted(Registers& registers)
{
    if (registers.vector == vector_event)
        events.dispatch();
    else if (exception_hook == nullptr || !exception_hook(registers))
        handle_exception(registers);
}

}  // namespace rf::runtime
