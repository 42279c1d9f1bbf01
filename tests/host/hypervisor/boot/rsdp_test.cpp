// SPDX-License-Identifier: MIT
/// Without the root pointer Dom0 has no ACPI. It is found in the BIOS area or through the EFI configuration tables; bad
/// checksums and lists that lead nowhere are passed over.

#include "boot/rsdp.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace {

using namespace rf;
using namespace rf::boot;

class RootPointer : public testing::Test {
protected:
    RootPointer() : memory_(0x100000) {}
    void place(std::size_t at, unsigned revision)
    {
        std::byte* p = memory_.data() + at;
        std::memset(p, 0, 36);
        std::memcpy(p, "RSD PTR ", 8);
        p[15] = static_cast<std::byte>(revision);
        p[8] = checksum(p, 20);
        p[32] = checksum(p, 36);
    }
    template <class T>
    void put(std::size_t at, T value)
    {
        std::memcpy(memory_.data() + at, &value, sizeof value);
    }
    std::vector<std::byte> memory_;

private:
    static std::byte checksum(std::byte const* p, std::size_t size)
    {
        unsigned sum = 0;
        for (std::size_t i = 0; i < size; ++i)
            sum += std::to_integer<unsigned>(p[i]);
        return static_cast<std::byte>(-sum);
    }
};

TEST_F(RootPointer, FindsItInTheBiosArea)
{
    EXPECT_EQ(find_bios_rsdp(memory_).size, 0u);
    place(0xf59c0, 0);
    Rsdp const found = find_bios_rsdp(memory_);
    EXPECT_EQ(found.address.value, 0xf59c0u);
    EXPECT_EQ(found.size, 20u);
    place(0xe0010, 2);
    EXPECT_EQ(find_bios_rsdp(memory_).size, 36u);
}

TEST_F(RootPointer, PrefersTheExtendedDataArea)
{
    place(0xf0000, 2);
    put<std::uint16_t>(0x40e, 0x9fc0);
    place(0x9fc20, 2);
    EXPECT_EQ(find_bios_rsdp(memory_).address.value, 0x9fc20u);
}

TEST_F(RootPointer, PassesOverBadChecksumsAndOddPlaces)
{
    place(0xe0000, 2);
    memory_[0xe0009] ^= std::byte{1};
    place(0xe1008, 2); // not on a 16-byte border
    EXPECT_EQ(find_bios_rsdp(memory_).size, 0u);
    place(0xfffd0, 0);
    EXPECT_EQ(find_bios_rsdp(std::span(memory_).first(0xfffd0 + 19)).size, 0u) << "one byte is missing at the end";
    place(0xe2000, 2);
    memory_[0xe2021] ^= std::byte{1}; // only the extended part is damaged
    EXPECT_EQ(find_bios_rsdp(memory_).size, 20u);
}

TEST_F(RootPointer, FollowsTheEfiTables)
{
    constexpr std::size_t table = 0x5000, list = 0x6000;
    constexpr std::uint8_t acpi2[16]{0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                     0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
    EXPECT_EQ(find_efi_rsdp(memory_, {0}).size, 0u);
    put<std::uint64_t>(table + 0x68, 3);
    put<std::uint64_t>(table + 0x70, list);
    EXPECT_EQ(find_efi_rsdp(memory_, {table}).size, 0u);
    std::memcpy(memory_.data() + list + 2 * 24, acpi2, 16);
    put<std::uint64_t>(list + 2 * 24 + 16, 0x7014);
    EXPECT_EQ(find_efi_rsdp(memory_, {table}).size, 0u) << "the entry leads to nothing valid";
    place(0x7014, 2);
    EXPECT_EQ(find_efi_rsdp(memory_, {table}).address.value, 0x7014u);
    put<std::uint64_t>(table + 0x68, 2);
    EXPECT_EQ(find_efi_rsdp(memory_, {table}).size, 0u) << "the count ends before it";
    put<std::uint64_t>(table + 0x68, ~0ull);
    put<std::uint64_t>(table + 0x70, ~0ull - 100);
    EXPECT_EQ(find_efi_rsdp(memory_, {table}).size, 0u);
    EXPECT_EQ(find_efi_rsdp(memory_, {~0ull - 8}).size, 0u);
}

} // namespace
