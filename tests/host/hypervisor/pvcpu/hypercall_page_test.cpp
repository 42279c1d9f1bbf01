// SPDX-License-Identifier: MIT
// The page of hypercall stubs.
//
// Claim: slot n is the code that the ABI prescribes for hypercall n, as the assembler writes it; slot 23 (iret) does not
// return. Failure: other bytes.

#include "assembler.hpp"
#include "pvcpu/hypercall_page.hpp"

#include <array>
#include <gtest/gtest.h>
#include <memory>

namespace rf::pvcpu::test {
namespace {

TEST(HypercallPage, EachSlotIsTheStubOfItsNumber)
{
    auto const page = std::make_unique<std::array<std::byte, page_size>>();
    write_hypercall_page(*page);
    std::vector<std::string> lines;
    for (unsigned number = 0; number < 128; ++number) {
        std::string const call = "mov $" + std::to_string(number) + ",%eax; syscall";
        lines.push_back(number == 23 ? "push %rcx; push %r11; push %rax; " + call
                                     : "push %rcx; push %r11; " + call + "; pop %r11; pop %rcx; ret");
    }
    auto const stubs = assemble(lines);
    for (unsigned number = 0; number < 128; ++number) {
        ASSERT_LE(stubs[number].size(), 32u);
        for (std::size_t i = 0; i < 32; ++i) {
            unsigned const expected = i < stubs[number].size() ? stubs[number][i] : 0xcc;
            ASSERT_EQ(static_cast<unsigned>((*page)[number * 32 + i]), expected) << "slot " << number << " byte " << i;
        }
    }
}

} // namespace
} // namespace rf::pvcpu::test
