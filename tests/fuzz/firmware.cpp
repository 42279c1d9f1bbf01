// SPDX-License-Identifier: MIT
/// Fuzzer of what loaders and firmware hand over: multiboot information of both kinds, ACPI's root pointer and tables, the
/// memory map. The first byte chooses the parser. Checksums of tables are put right on the way, or nothing would get past them.
#include "harness/choices.hpp"

#include "boot/multiboot1.hpp"
#include "boot/multiboot2.hpp"
#include "boot/rsdp.hpp"
#include "dev/acpi.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <vector>

namespace rf::fuzz {
namespace {

using Image = std::vector<std::byte>;

Image image_of(Bytes bytes)
{
    auto const* first = reinterpret_cast<std::byte const*>(bytes.data());
    return {first, first + bytes.size()};
}

bool within(char const* first, std::size_t size, Image const& whole)
{
    auto const* at = reinterpret_cast<std::byte const*>(first);
    return size == 0 || (at >= whole.data() && at + size <= whole.data() + whole.size());
}

void check_map(boot::MemoryMap const& map)
{
    std::uint64_t end = 0;
    bool first = true;
    for (boot::MemoryRegion const& region : map.regions()) {
        EXPECT_GT(region.length, 0u);
        EXPECT_TRUE(first || region.start >= end) << "regions overlap or are out of order";
        EXPECT_GE(region.end() - 1, region.start) << "a region leaves the address space";
        end = region.end();
        first = false;
    }
}

void read_multiboot2(Image const& image)
{
    boot::BootInfo info;
    if (!boot::parse_multiboot2(image, info))
        return;
    EXPECT_TRUE(within(info.command_line.data(), info.command_line.size(), image));
    EXPECT_TRUE(within(info.loader_name.data(), info.loader_name.size(), image));
    EXPECT_LE(info.module_count, boot::modules_max);
    for (boot::Module const& module : info.modules())
        EXPECT_TRUE(within(module.command_line.data(), module.command_line.size(), image));
    EXPECT_TRUE(within(reinterpret_cast<char const*>(info.efi.memory_map.data()), info.efi.memory_map.size(), image));
    info.memory.sanitise();
    check_map(info.memory);
}

void read_multiboot1(Image const& image, Choices& choices)
{
    Image converted(4096);
    auto const bytes = boot::convert_multiboot1(image, static_cast<std::uint32_t>(choices.below(image.size() + 16)), converted);
    if (!bytes)
        return;
    ASSERT_LE(*bytes, converted.size());
    converted.resize(*bytes);
    boot::BootInfo info;
    Status const parsed = boot::parse_multiboot2(converted, info);
    EXPECT_TRUE(parsed || parsed.error() == Errno::enodata) << "what we wrote ourselves cannot be read";
}

/// The input as physical memory from 0xe0000 on. Each view is a copy of exactly its size.
class TableMemory final : public dev::acpi::Memory {
public:
    static constexpr std::uint64_t start = 0xe'0000;

    explicit TableMemory(Image image) : image_(std::move(image)) {}
    std::span<std::byte const> view(std::uint64_t address, std::size_t bytes) override
    {
        if (address < start || address - start > image_.size() || image_.size() - (address - start) < bytes || views_.size() > 4096)
            return {};
        auto const from = image_.begin() + static_cast<std::ptrdiff_t>(address - start);
        Image& copy = views_.emplace_back(from, from + static_cast<std::ptrdiff_t>(bytes));
        if (bytes >= 20 && std::memcmp(copy.data(), "RSD PTR ", 8) == 0) {
            put_right(copy, 8, 20);
            if (bytes >= 36)
                put_right(copy, 32, 36);
        } else if (bytes >= 36) {
            put_right(copy, 9, bytes);
        }
        return copy;
    }

private:
    static void put_right(Image& bytes, std::size_t at, std::size_t count)
    {
        bytes[at] = std::byte{0};
        unsigned sum = 0;
        for (std::size_t i = 0; i < count; ++i)
            sum += static_cast<unsigned>(bytes[i]);
        bytes[at] = static_cast<std::byte>(0u - sum);
    }
    Image image_;
    std::deque<Image> views_;
};

void read_acpi(Image image)
{
    TableMemory memory(std::move(image));
    static dev::acpi::Tables tables;
    tables = {};
    auto const root = dev::acpi::find_root_pointer(memory);
    if (!dev::acpi::parse(memory, root.value_or(TableMemory::start), tables))
        return;
    for (unsigned irq = 0; irq < 16; ++irq)
        (void)dev::acpi::route_isa(tables, static_cast<std::uint8_t>(irq));
    for (dev::acpi::McfgWindow const& window : tables.mcfg)
        EXPECT_LE(window.first_bus, window.last_bus);
}

void read_map(Choices& choices)
{
    boot::MemoryMap map;
    for (unsigned entries = 0; entries < 200 && !choices.done(); ++entries)
        map.add(choices.bits() >> choices.below(64), choices.bits() >> choices.below(64), static_cast<std::uint32_t>(choices.below(8)));
    map.sanitise();
    check_map(map);
}

void run(Bytes bytes)
{
    Choices choices(bytes);
    switch (choices.below(6)) {
    case 0:
        return read_multiboot2(image_of(choices.bytes(4096)));
    case 1: {
        Choices place(choices.bytes(2));
        return read_multiboot1(image_of(choices.bytes(4096)), place);
    }
    case 2:
        (void)boot::find_bios_rsdp(image_of(choices.bytes(4096)));
        return;
    case 3: {
        std::uint64_t const table = choices.below(256);
        (void)boot::find_efi_rsdp(image_of(choices.bytes(4096)), MachineAddress{table});
        return;
    }
    case 4:
        return read_acpi(image_of(choices.bytes(4096)));
    default:
        (void)dev::acpi::find_soft_off(image_of(bytes));
        return read_map(choices);
    }
}

Registration const registration({"firmware", run, 3000});

} // namespace
} // namespace rf::fuzz
