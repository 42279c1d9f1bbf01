// SPDX-License-Identifier: MIT
/// Story: numbers, sizes, processor sets and names are typed by people; each grammar accepts what it should and nothing else.
#include "config/values.hpp"

#include <gtest/gtest.h>

#include "config/domain_spec.hpp"

namespace rf::config {
namespace {

TEST(Values, Sizes)
{
    EXPECT_EQ(parse_size("4", "KiB"), 4096u);
    EXPECT_EQ(parse_size("4", "k"), 4096u);
    EXPECT_EQ(parse_size("4", "KB"), 4000u);
    EXPECT_EQ(parse_size("2", "MiB"), 2u << 20);
    EXPECT_EQ(parse_size("1", "G"), 1u << 30);
    EXPECT_EQ(parse_size("7", "b"), 7u);
    EXPECT_EQ(parse_size("1", "T"), 1ull << 40);
    for (const char* unit : {"", "K B", "KiBs", "X", "iB"})
        EXPECT_EQ(parse_size("1", unit), std::nullopt) << unit;
    EXPECT_EQ(parse_size("18446744073709551615", "KiB"), std::nullopt);
    EXPECT_EQ(parse_size("-1", "KiB"), std::nullopt);
    EXPECT_EQ(parse_size("1.5", "GiB"), std::nullopt);
}

TEST(Values, ProcessorSets)
{
    using Set = std::vector<unsigned>;
    EXPECT_EQ(parse_cpu_set("0"), (Set{0}));
    EXPECT_EQ(parse_cpu_set("0-3,^2,8"), (Set{0, 1, 3, 8}));
    EXPECT_EQ(parse_cpu_set("5,1"), (Set{1, 5}));
    for (const char* text : {"", "a", "3-1", "1-", "-1", "1,,2", "^1", "0-99999", "1 2"})
        EXPECT_EQ(parse_cpu_set(text), std::nullopt) << text;
}

TEST(Values, MacAddresses)
{
    EXPECT_EQ(parse_mac("00:16:3E:aa:0b:ff"), (MacAddress{0, 0x16, 0x3e, 0xaa, 0x0b, 0xff}));
    for (const char* text : {"", "00:16:3e:aa:0b", "00-16-3e-aa-0b-ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", "00:16:3e:aa:0b:fg", "00:16:3e:aa:0b:ff "})
        EXPECT_EQ(parse_mac(text), std::nullopt) << text;
}

TEST(Values, DiskNames)
{
    EXPECT_EQ(parse_disk_name("xvda"), 51712u);
    EXPECT_EQ(parse_disk_name("xvdb"), 51728u);
    EXPECT_EQ(parse_disk_name("xvda1"), 51713u);
    EXPECT_EQ(parse_disk_name("xvdp15"), 51967u);
    EXPECT_EQ(parse_disk_name("xvdq"), (1u << 28 | 16 << 8));
    EXPECT_EQ(parse_disk_name("xvdaa"), (1u << 28 | 26 << 8));
    EXPECT_EQ(parse_disk_name("sda2"), 2050u);
    EXPECT_EQ(parse_disk_name("hda"), 768u);
    EXPECT_EQ(parse_disk_name("hdb1"), 833u);
    EXPECT_EQ(parse_disk_name("hdc"), 5632u);
    for (const char* name : {"", "xvd", "xvda0", "xvda01", "vda", "hde", "sda16", "xvdaaaa", "xvda1x", "XVDA"})
        EXPECT_EQ(parse_disk_name(name), std::nullopt) << name;
}

TEST(Values, Identifiers)
{
    const auto uuid = parse_uuid("8a2f1c3e-0b4d-4c6e-9f10-112233445566");
    ASSERT_TRUE(uuid);
    EXPECT_EQ(to_text(*uuid), "8a2f1c3e-0b4d-4c6e-9f10-112233445566");
    EXPECT_EQ(parse_uuid("8A2F1C3E0B4D4C6E9F10112233445566"), uuid);
    for (const char* text : {"", "8a2f", "8a2f1c3e-0b4d-4c6e-9f10-11223344556g", "8a2f1c3e-0b4d-4c6e-9f10-1122334455667"})
        EXPECT_EQ(parse_uuid(text), std::nullopt) << text;
    EXPECT_NE(random_uuid(), random_uuid());
    EXPECT_EQ(random_uuid()[6] >> 4, 4);
}

}  // namespace
}  // namespace rf::config
