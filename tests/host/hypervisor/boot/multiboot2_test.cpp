// SPDX-License-Identifier: MIT
/// The loader's information is parsed before anything can report a fault, so the parser must survive every byte string.
/// First the plain reading of each tag; then lies about lengths; then all truncations and many random corruptions of a
/// full example, in a buffer of exactly the given size, where the address sanitizer would see one byte read too many.

#include "boot/multiboot2.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace rf;
using namespace rf::boot;

/// Builds multiboot 2 information.
class Builder {
public:
    Builder() { words({0, 0}); }
    Builder& tag(Tag type, std::initializer_list<std::uint32_t> values, std::string const& tail = {})
    {
        words({static_cast<std::uint32_t>(type), static_cast<std::uint32_t>(8 + values.size() * 4 + tail.size())});
        words(values);
        for (char c : tail)
            bytes_.push_back(static_cast<std::byte>(c));
        while (bytes_.size() % 8)
            bytes_.push_back(std::byte{0xee});
        return *this;
    }
    std::vector<std::byte> finish()
    {
        tag(Tag::end, {});
        std::uint32_t const total = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &total, 4);
        return bytes_;
    }

private:
    void words(std::initializer_list<std::uint32_t> values)
    {
        for (std::uint32_t value : values)
            for (unsigned i = 0; i < 4; ++i)
                bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
    std::vector<std::byte> bytes_;
};

Builder& with_ram(Builder& builder)
{
    return builder.tag(Tag::memory_map, {24, 0, 0, 0, 0xa0000, 0, 1, 0, 0x100000, 0, 0, 1, 1, 0});
}

std::string const zero(1, '\0');

std::vector<std::byte> example()
{
    Builder builder;
    builder.tag(Tag::command_line, {}, "com1=115200 noreboot" + zero)
        .tag(Tag::loader_name, {}, "GRUB 2.06" + zero)
        .tag(Tag::module, {0x200000, 0x300001}, "console=hvc0" + zero)
        .tag(Tag::module, {0x400000, 0x400010}, zero)
        .tag(Tag::efi64_system_table, {0x1234000, 1})
        .tag(Tag::efi_memory_map, {48, 1}, std::string(96, 'e'))
        .tag(Tag::acpi_new, {}, std::string(36, 'N'))
        .tag(Tag::acpi_old, {}, std::string(20, 'O'))
        .tag(Tag::framebuffer, {0xc0000000, 0, 3200, 800, 600, 0x00000120, 0x08080810, 0x00000800});
    return with_ram(builder).finish();
}

TEST(Multiboot2, ReadsEveryTag)
{
    auto const bytes = example();
    BootInfo info;
    ASSERT_TRUE(parse_multiboot2(bytes, info));
    EXPECT_EQ(info.command_line, "com1=115200 noreboot");
    EXPECT_EQ(info.loader_name, "GRUB 2.06");
    ASSERT_EQ(info.modules().size(), 2u);
    EXPECT_EQ(info.modules()[0].start.value, 0x200000u);
    EXPECT_EQ(info.modules()[0].size, 0x100001u);
    EXPECT_EQ(info.modules()[0].command_line, "console=hvc0");
    EXPECT_EQ(info.modules()[1].command_line, "");
    EXPECT_EQ(info.efi.system_table.value, 0x1'0123'4000u);
    EXPECT_EQ(info.efi.descriptor_size, 48u);
    EXPECT_EQ(info.efi.memory_map.size(), 96u);
    EXPECT_EQ(info.rsdp.size, 36u) << "the newer root pointer wins, whatever the order";
    EXPECT_EQ(info.rsdp.bytes[0], std::byte{'N'});
    EXPECT_EQ(info.framebuffer.kind, DisplayKind::rgb);
    EXPECT_EQ(info.framebuffer.width, 800u);
    EXPECT_EQ(info.framebuffer.bits_per_pixel, 32u);
    EXPECT_EQ(info.framebuffer.red_position, 16u);
    EXPECT_EQ(info.memory.ram_bytes(), 0xa0000u + 0x1'0000'0000u);
}

TEST(Multiboot2, DropsFileNamesThatOtherLoadersPrepend)
{
    Builder builder;
    builder.tag(Tag::command_line, {}, "build/ringfort noreboot x=y" + zero)
        .tag(Tag::loader_name, {}, "qemu" + zero)
        .tag(Tag::module, {0x1000, 0x2000}, "vmlinuz root=/dev/xvda" + zero)
        .tag(Tag::module, {0x3000, 0x4000}, "initrd" + zero);
    auto const bytes = with_ram(builder).finish();
    BootInfo info;
    ASSERT_TRUE(parse_multiboot2(bytes, info));
    EXPECT_EQ(info.command_line, "noreboot x=y");
    EXPECT_EQ(info.modules()[0].command_line, "root=/dev/xvda");
    EXPECT_EQ(info.modules()[1].command_line, "");
}

TEST(Multiboot2, StringsEndWithTheirTag)
{
    Builder builder;
    builder.tag(Tag::loader_name, {}, "GRUB").tag(Tag::command_line, {}, "unterminated");
    auto const bytes = with_ram(builder).finish();
    BootInfo info;
    ASSERT_TRUE(parse_multiboot2(bytes, info));
    EXPECT_EQ(info.command_line, "unterminated");
}

TEST(Multiboot2, CountsModulesBeyondTheLimitAndSkipsBackwardOnes)
{
    Builder builder;
    builder.tag(Tag::module, {0x5000, 0x4000}, zero);
    for (unsigned i = 0; i < modules_max + 3; ++i)
        builder.tag(Tag::module, {0x10000 + i * 0x1000, 0x11000 + i * 0x1000}, zero);
    auto const bytes = with_ram(builder).finish();
    BootInfo info;
    ASSERT_TRUE(parse_multiboot2(bytes, info));
    EXPECT_EQ(info.modules().size(), modules_max);
    EXPECT_EQ(info.modules_lost, 3u);
    EXPECT_EQ(info.modules()[0].start.value, 0x10000u);
}

TEST(Multiboot2, RefusesMalformedInformation)
{
    BootInfo info;
    EXPECT_EQ(parse_multiboot2({}, info).error(), Errno::einval);
    auto bytes = example();
    auto const claim = [&](std::size_t at, std::uint32_t value) {
        auto changed = bytes;
        std::memcpy(changed.data() + at, &value, 4);
        BootInfo fresh;
        return parse_multiboot2(changed, fresh);
    };
    EXPECT_EQ(claim(0, static_cast<std::uint32_t>(bytes.size()) + 1).error(), Errno::einval) << "longer than it is";
    EXPECT_EQ(claim(0, 4).error(), Errno::einval);
    EXPECT_EQ(claim(12, 0).error(), Errno::einval) << "a tag of size 0 would never end";
    EXPECT_EQ(claim(12, 7).error(), Errno::einval);
    EXPECT_EQ(claim(12, 0xffffffff).error(), Errno::einval);
    EXPECT_EQ(claim(bytes.size() - 8, 999).error(), Errno::einval) << "no end tag";
    Builder empty;
    auto const no_map = empty.tag(Tag::loader_name, {}, "GRUB" + zero).finish();
    EXPECT_EQ(parse_multiboot2(no_map, info).error(), Errno::enodata);
}

TEST(Multiboot2, SurvivesTruncationAndCorruption)
{
    auto const good = example();
    std::mt19937 random(11);
    unsigned accepted = 0;
    for (unsigned round = 0; round < 20000; ++round) {
        std::size_t const size = round < good.size() ? round : good.size();
        std::unique_ptr<std::byte[]> exact(new std::byte[size]);
        std::memcpy(exact.get(), good.data(), size);
        if (round < good.size() && size >= 4) {
            std::uint32_t const total = static_cast<std::uint32_t>(size);
            std::memcpy(exact.get(), &total, 4);
        }
        for (unsigned i = 0; round >= good.size() && i < 1 + random() % 4; ++i)
            exact[random() % size] = static_cast<std::byte>(random());
        BootInfo info;
        if (!parse_multiboot2({exact.get(), size}, info))
            continue;
        ++accepted;
        // Whatever was believed must point into the buffer.
        auto const* begin = reinterpret_cast<char const*>(exact.get());
        if (!info.command_line.empty()) {
            EXPECT_GE(info.command_line.data(), begin);
            EXPECT_LE(info.command_line.data() + info.command_line.size(), begin + size);
        }
        for (Module const& module : info.modules())
            if (!module.command_line.empty()) {
                EXPECT_LE(module.command_line.data() + module.command_line.size(), begin + size);
            }
    }
    EXPECT_GT(accepted, 1000u) << "corruption that is always refused tests little";
}

} // namespace
