// SPDX-License-Identifier: MIT
/// Multiboot 1 information is full of physical addresses. The converter must follow them only inside the memory that it
/// was given, and what it writes must read back through the multiboot 2 parser as the same facts.

#include "boot/multiboot1.hpp"
#include "boot/multiboot2.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

namespace {

using namespace rf;
using namespace rf::boot;

constexpr std::uint32_t information = 0x100;

class Multiboot1 : public testing::Test {
protected:
    Multiboot1() : memory_(0x1000)
    {
        word(information, 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9);
        word(information + 16, 0x300);
        text(0x300, "ringfort loglvl=all");
        word(information + 64, 0x400);
        text(0x400, "qemu");
        word(information + 20, 1);
        word(information + 24, 0x500);
        word(0x500, 0x200000);
        word(0x504, 0x280000);
        word(0x508, 0x600);
        text(0x600, "vmlinuz console=hvc0");
        word(information + 44, 48);
        word(information + 48, 0x700);
        entry(0x700, 0, 0x9fc00, 1);
        entry(0x718, 0x100000, 0x7f00000, 1);
    }
    void word(std::size_t at, std::uint32_t value) { std::memcpy(memory_.data() + at, &value, 4); }
    void text(std::size_t at, char const* value) { std::strcpy(reinterpret_cast<char*>(memory_.data()) + at, value); }
    void entry(std::size_t at, std::uint64_t start, std::uint64_t length, std::uint32_t type)
    {
        word(at, 20);
        std::memcpy(memory_.data() + at + 4, &start, 8);
        std::memcpy(memory_.data() + at + 12, &length, 8);
        word(at + 20, type);
    }
    Result<std::size_t> convert() { return convert_multiboot1(memory_, information, out_); }

    std::vector<std::byte> memory_;
    std::array<std::byte, 4096> out_{};
};

TEST_F(Multiboot1, ReadsBackAsTheSameFacts)
{
    auto const size = convert();
    ASSERT_TRUE(size);
    BootInfo info;
    ASSERT_TRUE(parse_multiboot2(std::span(out_).first(*size), info));
    EXPECT_EQ(info.command_line, "loglvl=all");
    EXPECT_EQ(info.loader_name, "qemu");
    ASSERT_EQ(info.modules().size(), 1u);
    EXPECT_EQ(info.modules()[0].start.value, 0x200000u);
    EXPECT_EQ(info.modules()[0].size, 0x80000u);
    EXPECT_EQ(info.modules()[0].command_line, "console=hvc0");
    EXPECT_EQ(info.memory.ram_bytes(), 0x9fc00u + 0x7f00000u);
}

TEST_F(Multiboot1, RefusesPointersOutside)
{
    for (std::uint32_t const at : {16u, 64u, 24u, 48u}) {
        std::uint32_t saved;
        std::memcpy(&saved, memory_.data() + information + at, 4);
        word(information + at, 0xfffffff0);
        EXPECT_EQ(convert().error(), Errno::efault) << "field " << at;
        memory_.back() = std::byte{'x'}; // a string or list that starts here does not end inside
        word(information + at, 0xfff);
        EXPECT_EQ(convert().error(), Errno::efault) << "field " << at << " at the end";
        word(information + at, saved);
    }
    EXPECT_TRUE(convert());
    EXPECT_EQ(convert_multiboot1(memory_, 0xffd, out_).error(), Errno::efault);
}

TEST_F(Multiboot1, RefusesAMapThatDoesNotAdvance)
{
    word(0x700, 0);
    EXPECT_EQ(convert().error(), Errno::efault);
    word(0x700, 0xfffffffc); // plus its own four bytes: no step at all in 32 bits
    EXPECT_TRUE(convert()) << "counted in 64 bits it simply ends the list";
}

TEST_F(Multiboot1, RefusesWithoutAMapOrRoom)
{
    word(information, 1u << 2);
    EXPECT_EQ(convert().error(), Errno::enodata);
    word(information, 1u << 6);
    EXPECT_EQ(convert_multiboot1(memory_, information, std::span(out_).first(40)).error(), Errno::enospc);
}

TEST_F(Multiboot1, SurvivesRandomWords)
{
    std::mt19937 random(5);
    auto const good = memory_;
    for (unsigned round = 0; round < 20000; ++round) {
        memory_ = good;
        for (unsigned i = 0; i < 3; ++i)
            word((information + random() % 0x700) & ~3u, random() % 3 ? random() % 0x1400 : random());
        auto const size = convert();
        BootInfo info;
        if (size) {
            EXPECT_LE(*size, out_.size());
            (void)parse_multiboot2(std::span(out_).first(*size), info);
        }
    }
}

} // namespace
