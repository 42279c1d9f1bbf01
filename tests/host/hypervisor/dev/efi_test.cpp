// SPDX-License-Identifier: MIT
/// Story: on UEFI machines Dom0 finds ACPI only through the configuration table that we pass on. The system table is read
/// from firmware memory with exact bounds; a table that lies about its size must not be followed.
#include "dev/efi.hpp"

#include "firmware_image.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace rf::dev::efi {
namespace {

constexpr std::uint64_t system_at = 0x7f9ee018;
constexpr std::uint64_t vendor_at = 0x7f9ef000;
constexpr std::uint64_t configuration_at = 0x7f9f0000;

void add_guid(Writer& w, std::initializer_list<unsigned> bytes, std::uint64_t table)
{
    for (unsigned const b : bytes)
        w.add(static_cast<std::uint8_t>(b));
    w.add(table);
}

FirmwareImage image_with(std::uint64_t entries = 2)
{
    FirmwareImage image;
    Writer system(0x78);
    system.text(0, "IBI SYST").put(8, 0x0002'0046u).put(0x18, vendor_at).put(0x20, 0x10000u);
    system.put(0x68, entries).put(0x70, configuration_at);
    image.place(system_at, system.bytes());
    Writer vendor;
    for (char16_t const c : std::u16string(u"EDK II"))
        vendor.add(static_cast<std::uint16_t>(c));
    vendor.add(std::uint16_t{0}).put(200, std::uint16_t{0});
    image.place(vendor_at, vendor.bytes());
    Writer configuration;
    add_guid(configuration, {0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}, 0x1111);
    add_guid(configuration, {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}, 0x2222);
    image.place(configuration_at, configuration.bytes());
    return image;
}

TEST(Efi, ReadsTheSystemTable)
{
    auto image = image_with();
    auto const firmware = read(image, system_at);
    ASSERT_TRUE(firmware);
    EXPECT_TRUE(firmware->present);
    EXPECT_EQ(firmware->specification, 0x0002'0046u);
    EXPECT_EQ(firmware->vendor_revision, 0x10000u);
    EXPECT_EQ(std::u16string(firmware->vendor.data()), u"EDK II");
    EXPECT_EQ(firmware->configuration_table, configuration_at);
    EXPECT_EQ(firmware->configuration_entries, 2u);
    EXPECT_EQ(firmware->root_pointer, 0x2222u) << "ACPI 2 before ACPI 1";
}

TEST(Efi, TakesAcpi1WhenThereIsNothingElse)
{
    auto image = image_with(1);
    EXPECT_EQ(read(image, system_at)->root_pointer, 0x1111u);
}

TEST(Efi, RefusesWhatIsNoSystemTable)
{
    auto image = image_with();
    EXPECT_FALSE(read(image, vendor_at));
    EXPECT_FALSE(read(image, 0x1000));
    image = image_with(1ull << 60);
    EXPECT_FALSE(read(image, system_at));
    image = image_with(1000); // claims more than there is
    auto const firmware = read(image, system_at);
    ASSERT_TRUE(firmware);
    EXPECT_EQ(firmware->root_pointer, 0u);
}

TEST(Efi, FindsMemoryByAddress)
{
    Writer map;
    auto const descriptor = [&](std::uint32_t type, std::uint64_t address, std::uint64_t pages, std::uint64_t attributes) {
        map.add(type).add(0u).add(address).add(std::uint64_t{0}).add(pages).add(attributes).add(std::uint64_t{0});
    };
    descriptor(7, 0, 0xa0, 0xf);
    descriptor(6, 0x7f00'0000, 0x10, 0x8000'0000'0000'000f);
    descriptor(11, 0x8000'0000, ~0ull, 1); // wraps: not believed
    Bytes const bytes = map.bytes();
    Firmware firmware;
    firmware.present = true;
    firmware.memory_map = bytes;
    firmware.descriptor_bytes = 48;
    auto const found = find_memory(firmware, 0x7f00'8123);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->type, 6u);
    EXPECT_EQ(found->address, 0x7f00'0000u);
    EXPECT_EQ(found->bytes(), 0x10000u);
    EXPECT_FALSE(find_memory(firmware, 0x7f01'0000));
    EXPECT_FALSE(find_memory(firmware, 0x9000'0000));
    firmware.descriptor_bytes = 8;
    EXPECT_FALSE(find_memory(firmware, 0));
}

} // namespace
} // namespace rf::dev::efi
