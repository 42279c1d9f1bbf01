// SPDX-License-Identifier: MIT
#include "pvcpu/hypercall_page.hpp"

#include "xen/numbers.h"

#include <algorithm>
#include <array>

namespace rf::pvcpu {
namespace {

constexpr std::size_t slot_bytes = 32;
constexpr std::uint8_t breakpoint = 0xcc; ///< fills what must not be executed

// SYSCALL destroys rcx and r11, so a stub saves them.
constexpr std::uint8_t call_stub[] = {
    0x51,             // push %rcx
    0x41, 0x53,       // push %r11
    0xb8, 0, 0, 0, 0, // mov $number, %eax
    0x0f, 0x05,       // syscall
    0x41, 0x5b,       // pop %r11
    0x59,             // pop %rcx
    0xc3,             // ret
};
constexpr std::size_t call_number_at = 4;

// iret does not come back: its frame on the stack begins with rax, r11, rcx.
constexpr std::uint8_t iret_stub[] = {
    0x51,             // push %rcx
    0x41, 0x53,       // push %r11
    0x50,             // push %rax
    0xb8, 0, 0, 0, 0, // mov $number, %eax
    0x0f, 0x05,       // syscall
};
constexpr std::size_t iret_number_at = 5;

} // namespace

void write_hypercall_page(std::span<std::byte, page_size> page)
{
    auto* const bytes = reinterpret_cast<std::uint8_t*>(page.data());
    std::fill_n(bytes, page.size(), breakpoint);
    for (std::size_t number = 0; number < page_size / slot_bytes; ++number) {
        bool const is_iret = number == xen::HYPERVISOR_iret;
        std::span<std::uint8_t const> const stub = is_iret ? std::span<std::uint8_t const>(iret_stub) : call_stub;
        std::uint8_t* const slot = bytes + number * slot_bytes;
        std::ranges::copy(stub, slot);
        slot[is_iret ? iret_number_at : call_number_at] = static_cast<std::uint8_t>(number);
    }
}

} // namespace rf::pvcpu
