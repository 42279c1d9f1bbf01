// SPDX-License-Identifier: MIT
/// Story: the ACPI tables come from firmware, which may be wrong in any way. A good set must be read completely; a damaged
/// one must cost at most the damaged part. Each table is an allocation of its exact size under the address sanitiser, and
/// thousands of damaged images are read: one byte read beyond a claimed or true end ends the test.
#include "dev/acpi.hpp"

#include "base/log.hpp"
#include "firmware_image.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace rf::dev::acpi {
namespace {

constexpr std::uint64_t pointer_at = 0xf5a40;
constexpr std::uint64_t xsdt_at = 0x7fe1000;
constexpr std::uint64_t rsdt_at = 0x7fe1800;
constexpr std::uint64_t madt_at = 0x7fe2000;
constexpr std::uint64_t fadt_at = 0x7fe3000;
constexpr std::uint64_t hpet_at = 0x7fe4000;
constexpr std::uint64_t mcfg_at = 0x7fe5000;
constexpr std::uint64_t dsdt_at = 0x7fe6000;

Bytes madt()
{
    Writer w(44);
    w.put(36, 0xfee00000u).put(40, 1u);
    auto const processor = [&](std::uint8_t uid, std::uint8_t apic, std::uint32_t flags) {
        w.add(std::uint8_t{0}).add(std::uint8_t{8}).add(uid).add(apic).add(flags);
    };
    processor(0, 0, 1);
    processor(1, 2, 1);
    processor(2, 4, 0);
    w.add(std::uint8_t{1}).add(std::uint8_t{12}).add(std::uint8_t{0}).add(std::uint8_t{0}).add(0xfec00000u).add(0u);
    // ISA 0 -> GSI 2, edge high; ISA 9 level, high; ISA 5 level, low
    auto const route = [&](std::uint8_t source, std::uint32_t gsi, std::uint16_t flags) {
        w.add(std::uint8_t{2}).add(std::uint8_t{10}).add(std::uint8_t{0}).add(source).add(gsi).add(flags);
    };
    route(0, 2, 0);
    route(9, 9, 0xd);
    route(5, 21, 0xf);
    // NMI on LINT1 of all; x2APIC 0x123; the same processor once more as x2APIC
    w.add(std::uint8_t{4}).add(std::uint8_t{6}).add(std::uint8_t{0xff}).add(std::uint16_t{0}).add(std::uint8_t{1});
    w.add(std::uint8_t{9}).add(std::uint8_t{16}).add(std::uint16_t{0}).add(0x123u).add(3u).add(77u);
    w.add(std::uint8_t{9}).add(std::uint8_t{16}).add(std::uint16_t{0}).add(2u).add(1u).add(1u);
    return w.table("APIC");
}

Bytes fadt()
{
    Writer w(276);
    w.put(40, static_cast<std::uint32_t>(dsdt_at)).put(46, std::uint16_t{9}).put(48, 0xb2u).put(52, std::uint8_t{0xf1});
    w.put(56, 0x600u).put(64, 0x604u).put(76, 0x608u);
    w.put(88, std::uint8_t{4}).put(89, std::uint8_t{2}).put(91, std::uint8_t{4}).put(108, std::uint8_t{0x32});
    w.put(112, (1u << 8) | (1u << 10));
    w.put(116, std::uint8_t{1}).put(117, std::uint8_t{8}).put(120, std::uint64_t{0xcf9}).put(128, std::uint8_t{0x0f});
    w.put(172, std::uint8_t{1}).put(173, std::uint8_t{16}).put(176, std::uint64_t{0x1804}); // extended wins over 0x604
    w.put(208, std::uint8_t{1}).put(212, std::uint64_t{0x1'0000});                           // no such port: legacy is used
    return w.table("FACP");
}

Bytes hpet()
{
    Writer w(56);
    w.put(40, std::uint8_t{0}).put(44, std::uint64_t{0xfed00000}).put(55, std::uint8_t{1});
    return w.table("HPET");
}

Bytes mcfg()
{
    Writer w(44);
    w.add(std::uint64_t{0xb0000000}).add(std::uint16_t{0}).add(std::uint8_t{0}).add(std::uint8_t{255}).add(0u);
    w.add(std::uint64_t{0xc0000000}).add(std::uint16_t{1}).add(std::uint8_t{9}).add(std::uint8_t{3}).add(0u); // backwards
    return w.table("MCFG");
}

Bytes dsdt()
{
    Writer w(60);
    // Name (\_S5_, Package (4) {5, One, Zero, Zero})
    for (unsigned const b : {0x08u, 0x5cu})
        w.add(static_cast<std::uint8_t>(b));
    w.text(w.bytes().size(), "_S5_");
    for (unsigned const b : {0x12u, 0x08u, 0x04u, 0x0au, 0x05u, 0x01u, 0x00u, 0x00u})
        w.add(static_cast<std::uint8_t>(b));
    return w.table("DSDT");
}

Bytes pointer(std::uint8_t revision)
{
    Writer w(36);
    w.text(0, "RSD PTR ").put(15, revision).put(16, static_cast<std::uint32_t>(rsdt_at)).put(20, 36u).put(24, xsdt_at);
    w.checksum(8, 20).checksum(32, 36);
    return w.bytes();
}

/// A BIOS area with the pointer in it, as a real one: the pointer is found by scanning.
Bytes bios_area(std::uint8_t revision)
{
    Bytes area(0x20000);
    Bytes const p = pointer(revision);
    std::copy(p.begin(), p.end(), area.begin() + (pointer_at - 0xe0000));
    return area;
}

std::unique_ptr<FirmwareImage> good_image(std::uint8_t revision = 2)
{
    auto image = std::make_unique<FirmwareImage>();
    Writer xsdt(36), rsdt(36);
    for (std::uint64_t const at : {madt_at, fadt_at, hpet_at, mcfg_at}) {
        xsdt.add(at);
        rsdt.add(static_cast<std::uint32_t>(at));
    }
    image->place(0xe0000, bios_area(revision));
    image->place(xsdt_at, xsdt.table("XSDT"));
    image->place(rsdt_at, rsdt.table("RSDT"));
    image->place(madt_at, madt());
    image->place(fadt_at, fadt());
    image->place(hpet_at, hpet());
    image->place(mcfg_at, mcfg());
    image->place(dsdt_at, dsdt());
    return image;
}

void expect_everything(Tables const& t)
{
    EXPECT_EQ(t.rsdp, pointer_at);
    EXPECT_EQ(t.local_apic_address, 0xfee00000u);
    EXPECT_TRUE(t.has_legacy_pic);
    ASSERT_EQ(t.processors.size(), 4u);
    EXPECT_EQ(t.processors[1].apic_id, 2u);
    EXPECT_EQ(t.processors[1].processor_uid, 1u);
    EXPECT_TRUE(t.processors[1].enabled);
    EXPECT_FALSE(t.processors[2].enabled);
    EXPECT_EQ(t.processors[3].apic_id, 0x123u);
    EXPECT_EQ(t.processors[3].processor_uid, 77u);
    EXPECT_TRUE(t.processors[3].online_capable);
    ASSERT_EQ(t.io_apics.size(), 1u);
    EXPECT_EQ(t.io_apics[0].address, 0xfec00000u);
    EXPECT_EQ(t.overrides.size(), 3u);
    ASSERT_EQ(t.local_nmis.size(), 1u);
    EXPECT_EQ(t.local_nmis[0].processor_uid, ~0u);
    EXPECT_EQ(t.local_nmis[0].lint, 1);
    ASSERT_TRUE(t.fadt);
    EXPECT_EQ(t.fadt->pm1a_event.address, 0x600u);
    EXPECT_EQ(t.fadt->pm1a_event.bits, 32);
    EXPECT_EQ(t.fadt->pm1a_control.address, 0x1804u);
    EXPECT_FALSE(t.fadt->pm1b_control.exists());
    EXPECT_EQ(t.fadt->pm_timer.address, 0x608u);
    EXPECT_TRUE(t.fadt->pm_timer_32_bit);
    EXPECT_TRUE(t.fadt->reset_supported);
    EXPECT_EQ(t.fadt->reset.address, 0xcf9u);
    EXPECT_EQ(t.fadt->reset_value, 0x0f);
    EXPECT_FALSE(t.fadt->hardware_reduced);
    EXPECT_EQ(t.fadt->century_register, 0x32);
    EXPECT_EQ(t.fadt->smi_command_port, 0xb2);
    ASSERT_TRUE(t.hpet);
    EXPECT_EQ(t.hpet->address, 0xfed00000u);
    EXPECT_EQ(t.hpet->protection, 1);
    ASSERT_EQ(t.mcfg.size(), 1u);
    EXPECT_EQ(t.mcfg[0].last_bus, 255);
    ASSERT_TRUE(t.soft_off);
    EXPECT_EQ(t.soft_off->type_a, 5);
    EXPECT_EQ(t.soft_off->type_b, 1);
}

Status read(FirmwareImage& image, Tables& tables)
{
    auto const at = find_root_pointer(image);
    if (!at)
        return fail(at.error());
    return parse(image, *at, tables);
}

TEST(Acpi, ReadsAWholeSetThroughTheXsdt)
{
    auto image = good_image();
    auto tables = std::make_unique<Tables>();
    ASSERT_TRUE(read(*image, *tables));
    expect_everything(*tables);
}

TEST(Acpi, ReadsAnAcpi1SetThroughTheRsdt)
{
    auto image = good_image(0);
    image->regions().erase(xsdt_at);
    auto tables = std::make_unique<Tables>();
    ASSERT_TRUE(read(*image, *tables));
    expect_everything(*tables);
}

TEST(Acpi, FallsBackToTheRsdtWhenTheXsdtIsDamaged)
{
    auto image = good_image();
    image->at(xsdt_at)[40] ^= std::byte{1};
    auto tables = std::make_unique<Tables>();
    ASSERT_TRUE(read(*image, *tables));
    expect_everything(*tables);
}

TEST(Acpi, FindsThePointerInTheExtendedBiosArea)
{
    auto image = good_image();
    image->place(0xe0000, Bytes(0x20000));
    image->place(0x40e, Writer().add(std::uint16_t{0x9fc0}).bytes());
    Bytes area(1024);
    Bytes const p = pointer(2);
    std::copy(p.begin(), p.end(), area.begin() + 0x60);
    image->place(0x9fc00, area);
    EXPECT_EQ(find_root_pointer(*image), 0x9fc60u);
}

TEST(Acpi, RefusesWhatIsNoPointer)
{
    auto image = good_image();
    auto tables = std::make_unique<Tables>();
    EXPECT_EQ(parse(*image, madt_at, *tables).error(), Errno::einval);
    EXPECT_EQ(parse(*image, 0x1234, *tables).error(), Errno::einval);
    image->at(0xe0000)[pointer_at - 0xe0000 + 10] ^= std::byte{1};
    EXPECT_EQ(find_root_pointer(*image).error(), Errno::enoent);
}

TEST(Acpi, RoutesIsaInterrupts)
{
    auto image = good_image();
    auto tables = std::make_unique<Tables>();
    ASSERT_TRUE(read(*image, *tables));
    EXPECT_EQ(route_isa(*tables, 0).gsi, 2u);
    EXPECT_EQ(route_isa(*tables, 4).gsi, 4u);
    EXPECT_EQ(route_isa(*tables, 4).trigger, Trigger::edge);
    EXPECT_EQ(route_isa(*tables, 9).trigger, Trigger::level);
    EXPECT_EQ(route_isa(*tables, 9).polarity, Polarity::high);
    EXPECT_EQ(route_isa(*tables, 5).gsi, 21u);
    EXPECT_EQ(route_isa(*tables, 5).polarity, Polarity::low);
}

TEST(Acpi, OneBadTableCostsOnlyItself)
{
    for (std::uint64_t const victim : {madt_at, fadt_at, hpet_at, mcfg_at}) {
        auto image = good_image();
        image->at(victim)[12] ^= std::byte{0x40};
        auto tables = std::make_unique<Tables>();
        ASSERT_TRUE(read(*image, *tables));
        EXPECT_EQ(tables->processors.empty(), victim == madt_at);
        EXPECT_EQ(tables->fadt.has_value(), victim != fadt_at);
        EXPECT_EQ(tables->hpet.has_value(), victim != hpet_at);
        EXPECT_EQ(tables->mcfg.empty(), victim == mcfg_at);
    }
}

TEST(Acpi, AMadtEntryOfLengthZeroEndsTheWalk)
{
    Writer w(44);
    w.put(36, 0xfee00000u);
    w.add(std::uint8_t{0}).add(std::uint8_t{8}).add(std::uint8_t{0}).add(std::uint8_t{7}).add(1u);
    w.add(std::uint8_t{0}).add(std::uint8_t{0}).add(std::uint8_t{0}).add(std::uint8_t{8}).add(1u);
    auto image = good_image();
    image->place(madt_at, w.table("APIC"));
    auto tables = std::make_unique<Tables>();
    ASSERT_TRUE(read(*image, *tables));
    ASSERT_EQ(tables->processors.size(), 1u);
    EXPECT_EQ(tables->processors[0].apic_id, 7u);
}

TEST(Acpi, MoreProcessorsThanWeHoldAreLeftOut)
{
    Writer w(44);
    for (unsigned i = 0; i < 2000; ++i)
        w.add(std::uint8_t{9}).add(std::uint8_t{16}).add(std::uint16_t{0}).add(i).add(1u).add(i);
    auto image = good_image();
    image->place(madt_at, w.table("APIC"));
    auto tables = std::make_unique<Tables>();
    ASSERT_TRUE(read(*image, *tables));
    EXPECT_EQ(tables->processors.size(), tables->processors.capacity());
}

TEST(Acpi, SoftOffNeedsAWholePackage)
{
    auto const find = [](std::initializer_list<unsigned> bytes) {
        Bytes exact;
        for (unsigned const b : bytes)
            exact.push_back(static_cast<std::byte>(b));
        return find_soft_off(exact);
    };
    auto const plain = find({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 0x07, 0x0a, 0x07});
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->type_a, 7);
    EXPECT_EQ(plain->type_b, 7);
    auto const long_length = find({0x08, '_', 'S', '5', '_', 0x12, 0x47, 0x00, 0x02, 0x00, 0x0b, 0x03, 0x00});
    ASSERT_TRUE(long_length);
    EXPECT_EQ(long_length->type_a, 0);
    EXPECT_EQ(long_length->type_b, 3);
    EXPECT_FALSE(find({'_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 0x07, 0x0a, 0x07})); // no name
    EXPECT_FALSE(find({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a}));             // ends too soon
    EXPECT_FALSE(find({0x08, '_', 'S', '5', '_', 0x12}));
    EXPECT_FALSE(find({0x08, '_', 'S', '5', '_'}));
    EXPECT_FALSE(find({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0d, 'x', 0, 0x00})); // a string
    EXPECT_FALSE(find({0x08, '_', 'S', '5', '_', 0x12, 0xc0}));                   // three length bytes are missing
    EXPECT_FALSE(find({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0b, 0x05})); // half a word
    EXPECT_FALSE(find({}));
}

/// Damages bytes of random regions, and repairs checksums every other time so that damage reaches the readers.
TEST(Acpi, SurvivesThousandsOfDamagedImages)
{
    std::mt19937 random(11);
    unsigned read_something = 0;
    for (unsigned round = 0; round < 4000; ++round) {
        auto image = good_image(round % 3 ? 2 : 0);
        for (auto& [address, bytes] : image->regions()) {
            bool const bios = address == 0xe0000;
            std::size_t const begin = bios ? pointer_at - 0xe0000 : 0;
            std::size_t const length = bios ? 36 : bytes.size();
            for (unsigned changes = random() % 4; changes; --changes)
                bytes[begin + random() % length] = static_cast<std::byte>(random());
            if (!bios && random() % 5 == 0)
                bytes.resize(random() % (bytes.size() + 1));
            if (random() % 2 && length >= 36 && bytes.size() >= 36) {
                auto const repair = [&](std::size_t at, std::size_t count) {
                    unsigned sum = 0;
                    bytes[begin + at] = std::byte{0};
                    for (std::size_t i = 0; i < count; ++i)
                        sum += static_cast<unsigned>(bytes[begin + i]);
                    bytes[begin + at] = static_cast<std::byte>(0u - sum);
                };
                if (bios) {
                    repair(8, 20);
                    repair(32, 36);
                } else {
                    std::uint32_t claimed;
                    std::memcpy(&claimed, bytes.data() + 4, 4);
                    repair(9, std::min<std::size_t>(claimed, bytes.size()));
                }
            }
        }
        auto tables = std::make_unique<Tables>();
        Status const done = parse(*image, pointer_at, *tables);
        read_something += done && (!tables->processors.empty() || tables->fadt);
    }
    EXPECT_GT(read_something, 400u); // the damage is not so great that nothing was tested
}

} // namespace
} // namespace rf::dev::acpi
