// SPDX-License-Identifier: MIT
/// The paravirtual processor: privileged instructions, frames to return to, selectors, tables of descriptors and of traps.
#include "world.hpp"
#include "xen/mmu.h"
#include "xen/nmi.h"
#include "xen/sched.h"
#include "xen/trap.h"

extern "C" const char runtime_event_entry[], runtime_failsafe_entry[];

namespace rf::hostile {

using namespace rf::runtime;

namespace {

/// Each form of privileged or odd instruction, as bytes, ended by a near return.
constexpr const char* instructions[] = {
    "\x0f\x32\xc3", "\x0f\x30\xc3", "\x0f\x33\xc3", "\x0f\xa2\xc3", "\x0f\x01\xd1\xc3", "\x0f\x01\xd0\xc3", "\x0f\x06\xc3", "\x0f\x08\xc3",
    "\x0f\x09\xc3", "\xec\xc3", "\xed\xc3", "\xee\xc3", "\xef\xc3", "\x66\xed\xc3", "\xe4\x60\xc3", "\xe6\x80\xc3", "\x6c\xc3", "\x6e\xc3",
    "\xf3\x6e\xc3", "\x0f\x20\xc0\xc3", "\x0f\x20\xd0\xc3", "\x0f\x20\xd8\xc3", "\x0f\x20\xe0\xc3", "\x0f\x22\xc0\xc3", "\x0f\x22\xd0\xc3",
    "\x0f\x22\xe0\xc3", "\x44\x0f\x20\xc0\xc3", "\x44\x0f\x22\xc0\xc3", "\x0f\x21\xc0\xc3", "\x0f\x21\xf0\xc3", "\x0f\x23\xc0\xc3",
    "\x0f\x23\xf8\xc3", "\x0f\x01\xf0\xc3", "\x0f\x01\xe0\xc3", "\x0f\x00\xc8\xc3", "\x0f\x00\xd0\xc3", "\x0f\x00\xd8\xc3", "\x0f\x01\x3f\xc3",
    "\x0f\x01\x17\xc3", "\x0f\x01\x1f\xc3", "\x0f\x01\x07\xc3", "\x0f\x01\x0f\xc3", "\xfa\xc3", "\xfb\xc3", "\x0f\x01\xf8\xc3", 
    "\x0f\x34\xc3", "\x0f\x07\xc3", "\x0f\x35\xc3", "\xcc\xc3", "\xf1\xc3", "\xcd\x80\xc3", "\xcd\x20\xc3", "\xcd\x82\xc3", "\xcd\x0e\xc3",
    "\xcd\x08\xc3", "\xcd\x02\xc3", "\x0f\x0b\xc3", "\x0f\xb9\xc3", "\x0f\x01\xc8\xc3", "\x0f\x01\xc9\xc3", "\x0f\x01\xca\xc3", "\x0f\x01\xcb\xc3",
    "\x0f\x01\xd9\xc3", "\x0f\x01\xd8\xc3", "\x0f\x01\xc1\xc3", "\x0f\x01\xf9\xc3", "\x0f\x31\xc3", "\x0f\x0d\x0f\xc3", "\x0f\x02\xc1\xc3",
    "\x0f\x03\xc1\xc3", "\x0f\xae\x07\xc3", "\x0f\xae\x0f\xc3", "\x0f\xae\x27\xc3", "\x0f\xae\x2f\xc3", "\xdb\xe3\xc3", "\xd9\xd0\xc3", "\xf0\xcc\xc3",
    "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\x32\xc3", "\x2e\x0f\x30\xc3", "\xf3\x48\x0f\xae\xc0\xc3",
    "\xf3\x48\x0f\xae\xd0\xc3", "\xf3\x48\x0f\xae\xd8\xc3", "\xf3\x0f\xc7\xf8\xc3",
};

void privileged_instruction()
{
    static constexpr std::uint64_t registers[] = {0x10, 0x1b, 0x48, 0x49, 0x8b, 0xc1, 0xce, 0x10a, 0x10b, 0x122, 0x174, 0x175, 0x176, 0x179, 0x17a,
        0x186, 0x1a0, 0x1d9, 0x277, 0x2ff, 0x38f, 0x400, 0x480, 0x4b564d00, 0x40000000, 0x6e0, 0x802, 0xc0000080, 0xc0000081, 0xc0000082,
        0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010010, 0xc0010015, 0xc001001f, 0xc0010058, 0xc0011020};
    const char* const code = instructions[self().random.below(std::size(instructions))];
    const std::uint64_t c = self().random.once_in(3) ? self().value() : registers[self().random.below(std::size(registers))];
    const std::uint64_t a = self().value();
    const std::uint64_t d = self().random.once_in(3) ? 0x3f8 + self().random.below(8) : self().value() & 0xffff;
    auto* const place = self().random.once_in(3) ? reinterpret_cast<std::byte*>(self().value()) : self().scratch(self().scratch_number());
    (void)attempt([&] {
        std::uint64_t rax = a, rcx = c, rdx = d;
        auto* source = place;
        auto* target = place;
        asm volatile("call *%[code]"
                     : "+a"(rax), "+c"(rcx), "+d"(rdx), "+S"(source), "+D"(target)
                     : [code] "r"(code)
                     : "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    });
    asm volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    // interrupt flag and event mask go together; and no breakpoint of ours may stay armed
    events.unmask_upcalls();
    self().call(xen::HYPERVISOR_set_debugreg, 7, 0);
}

void load_selectors()
{
    const auto selector = static_cast<std::uint16_t>(self().random.once_in(3) ? self().value() : self().random.below(0x200) << 3 | self().random.below(8));
    const std::uint64_t which = self().random.below(5);
    (void)attempt([&] {
        switch (which) {
        case 0: asm volatile("mov %0, %%ds" : : "r"(selector)); break;
        case 1: asm volatile("mov %0, %%es" : : "r"(selector)); break;
        case 2: asm volatile("mov %0, %%fs" : : "r"(selector)); break;
        case 3: asm volatile("mov %0, %%gs" : : "r"(selector)); break;
        default: self().call(xen::HYPERVISOR_set_segment_base, self().random.below(5), self().random.once_in(2) ? selector : self().value()); break;
        }
        self().call(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield);  // a switch saves and loads them
    });
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
}

/// A place to return to: the way out of the attempt, or nowhere; not into our own pages, which are no program.
std::uint64_t return_address()
{
    constexpr std::uint64_t window_bytes = 64 << 20;
    const std::uint64_t address = self().value();
    if (self().random.once_in(2) || address - virtual_base < window_bytes)
        return reinterpret_cast<std::uint64_t>(attempt_recover);
    return address;
}

/// Returns, by hypercall or by instruction, to a frame of nonsense.
void return_to_nowhere()
{
    enum { rax, r11, rcx, flags, rip, cs, rflags, rsp, ss };
    std::uint64_t frame[9];
    for (auto& word : frame)
        word = self().value();
    const bool instruction = self().random.once_in(3);
    frame[rip] = return_address();
    if (!self().random.once_in(20000)) {  // a user mode without page tables, or a stack that takes no frame, is the end
        frame[cs] = xen::FLAT_KERNEL_CS & ~3u;
        frame[flags] = self().random.below(2) << 8;  // not VGCF_in_syscall
        frame[rsp] = 0;
    }
    if (!self().random.once_in(4))
        frame[ss] = xen::FLAT_KERNEL_SS & ~3u;
    (void)attempt([&] {
        if (frame[rsp] == 0)
            frame[rsp] = self().attempt_stack;
        // Far below what the attempt has saved: an exception is pushed below the frame.
        auto* const place = reinterpret_cast<std::uint64_t*>(self().attempt_stack - 1024);
        for (unsigned i = 0; i < std::size(frame); ++i)
            place[i] = frame[i];
        if (instruction)
            asm volatile("mov %0, %%rsp; iretq" : : "r"(place + rip) : "memory");
        else
            asm volatile("mov %0, %%rsp; mov %1, %%eax; syscall" : : "r"(place), "i"(xen::HYPERVISOR_iret) : "memory");
    });
    events.unmask_upcalls();
}

void put_back()
{
    if (auto done = register_exceptions(); !done)
        print("hostile: cannot restore traps: ", done.error().number, "\n");
    self().call(xen::HYPERVISOR_set_callbacks, reinterpret_cast<std::uint64_t>(runtime_event_entry),
               reinterpret_cast<std::uint64_t>(runtime_failsafe_entry), 0);
}

void register_nonsense()
{
    const EventsMasked quiet;
    switch (self().random.below(5)) {
    case 0: self().call(xen::HYPERVISOR_set_trap_table, self().arguments()); break;
    case 1: self().call(xen::HYPERVISOR_callback_op, self().random.below(3), self().arguments()); break;
    case 2: self().call(xen::HYPERVISOR_set_callbacks, self().value(), self().value(), self().value()); break;
    case 3: self().call(xen::HYPERVISOR_nmi_op, self().random.below(3), self().arguments()); break;
    default: self().call(xen::HYPERVISOR_set_debugreg, self().random.below(10), self().value()); break;
    }
    put_back();
    self().call(xen::HYPERVISOR_nmi_op, xen::XENNMI_unregister_callback, 0);
    self().call(xen::HYPERVISOR_set_debugreg, 7, 0);
}

/// What rcx holds after HYPERVISOR_iret to the next instruction, whose address goes to `there`; the frame's rcx is `offered`.
std::uint64_t rcx_after_return(std::uint64_t flags, std::uint64_t offered, std::uint64_t& there)
{
    std::uint64_t rcx = 0;
    asm volatile("lea -128(%%rsp), %%rsp\n"
                 "mov %%rsp, %%rsi\n"
                 "lea 1f(%%rip), %%rdi\n"
                 "push %[ss]\n push %%rsi\n push $0x202\n push %[cs]\n push %%rdi\n"
                 "push %[flags]\n push %[offered]\n push %[offered]\n push $0\n"
                 "mov %[number], %%eax\n syscall\n"
                 "1: lea 128(%%rsp), %%rsp"
                 : "=&c"(rcx), "=&D"(there)
                 : [ss] "i"(xen::FLAT_KERNEL_SS), [cs] "i"(xen::FLAT_KERNEL_CS & ~3u), [flags] "r"(flags), [offered] "r"(offered),
                   [number] "i"(xen::HYPERVISOR_iret)
                 : "rax", "rsi", "r11", "memory", "cc");
    return rcx;
}

}  // namespace

void check_returns()
{
    std::uint64_t there = 0;
    if (rcx_after_return(0, 0x1234, there) != 0x1234)
        ground.breach("iret takes no rcx from its frame", 0);
    if (const std::uint64_t rcx = rcx_after_return(xen::VGCF_in_syscall, 0x1234, there); rcx != there)
        ground.breach("iret as from a system call leaves another rcx than SYSRET would", rcx);
}

void abuse_processor()
{
    static constexpr void (*moves[])() = {privileged_instruction, privileged_instruction, load_selectors, return_to_nowhere, register_nonsense};
    moves[self().random.below(std::size(moves))]();
}

void abuse_descriptors()
{
    switch (self().random.below(4)) {
    case 0: {
        std::uint64_t frames[16];
        for (auto& frame : frames)
            frame = self().frame();
        self().call(xen::HYPERVISOR_set_gdt, as_argument(&frames[0]), self().random.once_in(4) ? self().value() : self().random.below(8200));
        (void)attempt([] { self().call(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield); });
        self().call(xen::HYPERVISOR_set_gdt, 0, 0);
        break;
    }
    case 1: {
        xen::mmuext_op op{};
        op.cmd = xen::MMUEXT_SET_LDT;
        op.arg1.linear_addr = self().random.once_in(3) ? self().value() : reinterpret_cast<std::uint64_t>(self().scratch(self().scratch_number()));
        op.arg2.nr_ents = static_cast<std::uint32_t>(self().random.once_in(3) ? self().value() : self().random.below(8193));
        self().call(xen::HYPERVISOR_mmuext_op, as_argument(&op), 1, 0, xen::DOMID_SELF);
        const auto selector = static_cast<std::uint16_t>(self().random.below(64) << 3 | 7);
        (void)attempt([&] { asm volatile("mov %0, %%es; mov %1, %%es" : : "r"(selector), "r"(0)); });
        op.arg2.nr_ents = 0;
        self().call(xen::HYPERVISOR_mmuext_op, as_argument(&op), 1, 0, xen::DOMID_SELF);
        break;
    }
    case 2:
        self().call(xen::HYPERVISOR_update_descriptor, self().scratch_frame(self().scratch_number()) << 12 | self().random.below(4096), self().random.next());
        break;
    default:
        self().call(xen::HYPERVISOR_update_descriptor, self().value(), self().value());
        break;
    }
}

}  // namespace rf::hostile
