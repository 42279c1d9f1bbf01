// SPDX-License-Identifier: MIT
#pragma once
/// The assembly side (stubs.S): handlers of as few instructions as the ABI allows, and the code that runs in user mode.

#include <cstdint>

extern "C" {

// Exception handlers: each skips the instruction that faulted (two or three bytes) and returns.
void bench_on_invalid_opcode();
void bench_on_protection_fault();
void bench_on_page_fault();

/// Returns to the next instruction by HYPERVISOR_iret.
void bench_return_to_self();

// System calls of user mode: return at once; or note the counter on the way in and out as well.
void bench_on_syscall();
void bench_on_timed_syscall();
extern std::uint64_t bench_syscall_entered;

/// Enters user mode at `entry` with `rounds` in r14; comes back when user code executes ud2 while bench_on_user_done is the
/// handler. `totals` receives r12, r13, r15, r8 as user code left them.
void bench_enter_user(std::uint64_t entry, std::uint64_t stack, std::uint64_t rounds, std::uint64_t* totals);
void bench_on_user_done();
extern const char bench_user_begin[], bench_user_syscalls[], bench_user_timed_syscalls[], bench_user_faults[], bench_user_end[];

// The event callback: notes the counter, forgets what is pending, returns.
void bench_on_event();
extern std::uint64_t bench_event_ticks;         ///< counter at the handler's first instruction but two; 0 before
extern std::uint64_t bench_event_vcpu_info;     ///< address of the vCPU's shared state
extern std::uint64_t bench_event_pending_word;  ///< address of the pending word to be cleared
/// Counts rounds of three instructions until an event came.
std::uint64_t bench_spin_until_event();

}
