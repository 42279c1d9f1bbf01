// SPDX-License-Identifier: MIT
/// Story: configuration space belongs to the device, and Dom0 can write it: lists may loop, point into the header or lie
/// about sizes. Finding a capability must always end, and an MSI-X entry must be found exactly where the BAR and the
/// capability say, or not at all.
#include "dev/msi.hpp"

#include "fake_pci.hpp"

#include <gtest/gtest.h>

namespace rf::dev {
namespace {

constexpr pci::Address nic{.segment = 0, .bus = 3, .devfn = 0x10};
constexpr pci::Address nobody{.segment = 0, .bus = 4, .devfn = 0};

struct Pci : testing::Test {
    Pci() { fake.add_device(nic); }
    FakePci fake;
    FakeTableMemory memory;
};

TEST_F(Pci, FindsCapabilitiesInTheList)
{
    fake.add_capability(nic, 0x40, 0x01);
    fake.add_capability(nic, 0x50, pci::capability_msi);
    fake.add_capability(nic, 0xf0, pci::capability_msix);
    EXPECT_EQ(pci::find_capability(fake, nic, 0x01), 0x40);
    EXPECT_EQ(pci::find_capability(fake, nic, pci::capability_msi), 0x50);
    EXPECT_EQ(pci::find_capability(fake, nic, pci::capability_msix), 0xf0);
    EXPECT_EQ(pci::find_capability(fake, nic, 0x10), 0);
    EXPECT_EQ(pci::find_capability(fake, nobody, 0x01), 0);
}

TEST_F(Pci, ALoopedListEnds)
{
    fake.add_capability(nic, 0x40, 0x01);
    fake.add_capability(nic, 0x50, 0x09);
    fake.function(nic)[0x41] = 0x50;
    EXPECT_EQ(pci::find_capability(fake, nic, pci::capability_msi), 0);
    fake.function(nic)[0x51] = 0x50; // points to itself
    EXPECT_EQ(pci::find_capability(fake, nic, pci::capability_msi), 0);
}

TEST_F(Pci, AListThatPointsIntoTheHeaderEnds)
{
    fake.add_capability(nic, 0x40, 0x01);
    fake.function(nic)[0x41] = 0x10;
    fake.function(nic)[0x10] = pci::capability_msi;
    EXPECT_EQ(pci::find_capability(fake, nic, pci::capability_msi), 0);
}

TEST_F(Pci, WithoutTheStatusBitThereIsNoList)
{
    fake.add_capability(nic, 0x40, pci::capability_msi);
    fake.function(nic)[6] = 0;
    EXPECT_EQ(pci::find_capability(fake, nic, pci::capability_msi), 0);
}

TEST_F(Pci, ReadsBaseAddresses)
{
    fake.set32(nic, 0x10, 0xfebc'0000);
    fake.set32(nic, 0x14, 0xc001);
    fake.set32(nic, 0x18, 0xd000'000c);
    fake.set32(nic, 0x1c, 0x12);
    fake.set32(nic, 0x24, 0xe000'0004); // 64-bit without an upper half
    EXPECT_EQ(pci::read_bar(fake, nic, 0)->address, 0xfebc'0000u);
    EXPECT_FALSE(pci::read_bar(fake, nic, 1)->is_memory);
    EXPECT_EQ(pci::read_bar(fake, nic, 2)->address, 0x12'd000'0000u);
    EXPECT_EQ(pci::read_bar(fake, nic, 4).error(), Errno::enodev);
    EXPECT_EQ(pci::read_bar(fake, nic, 5).error(), Errno::einval);
    EXPECT_EQ(pci::read_bar(fake, nic, 6).error(), Errno::einval);
    EXPECT_EQ(pci::read_bar(fake, nic, 7).error(), Errno::einval);
    fake.function(nic)[0x0e] = 0x81; // a bridge has two
    EXPECT_EQ(pci::read_bar(fake, nic, 2).error(), Errno::einval);
}

TEST_F(Pci, WritesMessagesInAllFourLayouts)
{
    struct Layout {
        std::uint16_t control;
        unsigned data, mask; // offsets in the capability; 0: none
    };
    for (Layout const layout : {Layout{0x000, 8, 0}, {0x080, 12, 0}, {0x100, 8, 12}, {0x180, 12, 16}}) {
        fake.add_device(nic);
        fake.add_msi(nic, 0x60, layout.control | 0x20); // firmware left two vectors enabled
        auto const place = locate_msi(fake, nic);
        ASSERT_TRUE(place);
        write_message(fake, *place, compose_message(5, 0x41));
        EXPECT_EQ(fake.get32(nic, 0x64), 0xfee0'5000u);
        EXPECT_EQ(fake.get32(nic, 0x60 + layout.data) & 0xffff, 0x41u);
        EXPECT_EQ(fake.read(nic, 0x62, 2), layout.control) << "one vector only, still disabled";
        set_mask(fake, *place, true);
        if (layout.mask) {
            EXPECT_EQ(fake.get32(nic, 0x60 + layout.mask), 1u);
        }
        set_mask(fake, *place, false);
        if (layout.mask) {
            EXPECT_EQ(fake.get32(nic, 0x60 + layout.mask), 0u);
        }
        fake.set16(nic, 0x62, static_cast<std::uint16_t>(layout.control | 1));
        silence(fake, *place);
        EXPECT_EQ(fake.read(nic, 0x62, 2) & 1, 0u) << "switched off";
    }
}

TEST_F(Pci, FindsMsixEntriesThroughTheBar)
{
    fake.add_msix(nic, 0x70, 9, 2, 0x8'0000'0000, 0x3000);
    auto const place = locate_msix(fake, memory, nic, 8, 0x8'0000'0000);
    ASSERT_TRUE(place);
    ASSERT_TRUE(memory.entries.contains(0x8'0000'3080));
    write_message(fake, *place, compose_message(1, 0x55));
    set_mask(fake, *place, false);
    EXPECT_EQ(memory.entries[0x8'0000'3080], (std::vector<std::uint32_t>{0xfee0'1000, 0, 0x55, 0}));
    set_mask(fake, *place, true);
    EXPECT_EQ(memory.entries[0x8'0000'3080][3], 1u);
    auto const frames = msix_table_frames(fake, nic);
    ASSERT_TRUE(frames);
    EXPECT_EQ(frames->first.value, 0x80'0003u);
    EXPECT_EQ(frames->last.value, 0x80'0003u);
}

TEST_F(Pci, RefusesMsixPlacesThatDoNotExist)
{
    EXPECT_EQ(locate_msi(fake, nic).error(), Errno::enodev);
    EXPECT_EQ(locate_msix(fake, memory, nic, 0, 0).error(), Errno::enodev);
    EXPECT_EQ(locate_msix(fake, memory, nobody, 0, 0).error(), Errno::enodev);
    fake.add_msix(nic, 0x70, 9, 2, 0x8'0000'0000, 0x3000);
    EXPECT_EQ(locate_msix(fake, memory, nic, 9, 0).error(), Errno::einval) << "beyond the table";
    EXPECT_EQ(locate_msix(fake, memory, nic, 0, 0x9'0000'0000).error(), Errno::einval) << "another BAR";
    fake.set32(nic, 0x18, 0xc001);
    EXPECT_EQ(locate_msix(fake, memory, nic, 0, 0).error(), Errno::einval) << "ports hold no table";
    fake.set32(nic, 0x74, 7);
    EXPECT_EQ(locate_msix(fake, memory, nic, 0, 0).error(), Errno::einval) << "no such BAR";
    EXPECT_TRUE(memory.entries.empty());
}

} // namespace
} // namespace rf::dev
