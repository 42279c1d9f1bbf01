// SPDX-License-Identifier: MIT
/// Story: a device interrupt must reach whoever is bound, exactly on the CPU and under the vector that are programmed, and
/// a level line must stay quiet from its arrival until every bound domain has ended it. Fake I/O APICs and devices show
/// what was programmed; the test plays the hardware: it reads a pin's entry and raises that vector on that CPU. A line that
/// stays masked for ever (a dead disk) or is open while unserved (an endless storm) fails here.
#include "dev/pirq.hpp"

#include "../event/machine.hpp"
#include "fake_pci.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace rf::dev {
namespace {

/// An I/O APIC with 24 pins.
class FakeIoApic final : public IoApicRegisters {
public:
    static constexpr unsigned pins = 24;
    std::uint32_t read(std::uint8_t index) override
    {
        if (index == 1)
            return 0x20 | (pins - 1) << 16;
        return index >= 0x10 && index < 0x10 + pins * 2 ? words[index - 0x10u] : 0x0900'0000;
    }
    void write(std::uint8_t index, std::uint32_t value) override
    {
        ASSERT_GE(index, 0x10);
        words[index - 0x10u] = value;
    }
    bool masked(unsigned pin) const { return words[pin * 2] & RedirectionEntry::mask_bit; }
    std::uint8_t vector(unsigned pin) const { return static_cast<std::uint8_t>(words[pin * 2]); }
    unsigned destination(unsigned pin) const { return words[pin * 2 + 1] >> 24; }
    std::array<std::uint32_t, pins * 2> words{};
};

class RecordingSink final : public PirqSink {
public:
    void pirq_fired(unsigned pirq) override { fired.push_back(pirq); }
    std::vector<unsigned> fired;
};

unsigned acknowledged = 0;
unsigned own_calls = 0;
constexpr std::uint32_t apic_ids_step = 2; ///< CPU n has APIC id 2n

struct Routing : testing::Test {
    Routing()
    {
        testing_machine::ensure();
        cpu::fake_cpu = 0;
        acknowledged = own_calls = 0;
        // The router is the machine's one; each test starts it anew.
        interrupts.~InterruptRouter();
        ::new (&interrupts) InterruptRouter;
        interrupts.initialise({[] { ++acknowledged; }, [](CpuId cpu) { return cpu * apic_ids_step; }}, {0x30, 0xdf}, pci);
        EXPECT_TRUE(interrupts.add_io_apic(io_apic, {.id = 0, .address = 0xfec00000, .first_gsi = 0}));
        for (Gsi gsi = 0; gsi < 16; ++gsi)
            interrupts.set_default(gsi, Trigger::edge, Polarity::high);
        pci.add_device(nvme);
        pci.add_msix(nvme, 0x70, 16, 0, 0xfebf'0000, 0x2000);
    }
    ~Routing() override { cpu::fake_cpu = 0; }

    /// The pin's hardware: delivers if the entry is open. False when it is masked.
    bool raise(unsigned pin)
    {
        if (io_apic.masked(pin))
            return false;
        deliver(io_apic.destination(pin), io_apic.vector(pin));
        return true;
    }
    static void deliver(unsigned apic_id, unsigned vector)
    {
        cpu::fake_cpu = apic_id / apic_ids_step;
        on_interrupt(static_cast<std::uint8_t>(vector));
        cpu::fake_cpu = 0;
    }
    std::vector<std::uint32_t>& entry(unsigned number) { return memory.entries.at(0xfebf'2000 + number * 16); }
    /// The device sends the message of a table entry. False when it is masked.
    bool send(unsigned number)
    {
        if (entry(number)[3] & 1)
            return false;
        deliver(entry(number)[0] >> 12 & 0xff, entry(number)[2]);
        return true;
    }
    Result<unsigned> map_entry(PirqTable& table, std::uint16_t number, std::int32_t wanted = -1, CpuId cpu = 0)
    {
        return table.map_message(TRY(locate_msix(pci, memory, nvme, number, 0)), wanted, cpu);
    }

    static constexpr pci::Address nvme{.segment = 0, .bus = 0, .devfn = 0x20};
    FakePci pci;
    FakeTableMemory memory;
    FakeIoApic io_apic;
    RecordingSink sink, other_sink;
};

TEST(RedirectionEntry, HasTheDataSheetsLayout)
{
    RedirectionEntry const level{.vector = 0x41, .trigger = Trigger::level, .polarity = Polarity::low, .masked = true, .destination = 7};
    EXPECT_EQ(level.low(), 0x1'a041u);
    EXPECT_EQ(level.high(), 0x0700'0000u);
    RedirectionEntry const edge{.vector = 0xdf, .trigger = Trigger::edge, .polarity = Polarity::high, .masked = false, .destination = 0};
    EXPECT_EQ(edge.low(), 0xdfu);
    EXPECT_EQ(RedirectionEntry{}.low(), 0x1'0000u);
}

TEST_F(Routing, EveryPinStartsMasked)
{
    for (unsigned pin = 0; pin < FakeIoApic::pins; ++pin)
        EXPECT_TRUE(io_apic.masked(pin));
    EXPECT_EQ(interrupts.gsi_limit(), 24u);
}

TEST_F(Routing, AnEdgeInterruptNeedsNoEnd)
{
    PirqTable pirqs(sink);
    ASSERT_TRUE(pirqs.map_gsi(14));
    EXPECT_TRUE(io_apic.masked(14)) << "mapped is not bound";
    ASSERT_TRUE(pirqs.bind(14, Sharing::exclusive, 1));
    EXPECT_EQ(io_apic.destination(14), 2u);
    EXPECT_FALSE(pirqs.handling(14)->needs_end);
    for (unsigned i = 0; i < 3; ++i)
        EXPECT_TRUE(raise(14));
    EXPECT_EQ(sink.fired, (std::vector<unsigned>{14, 14, 14}));
    EXPECT_EQ(acknowledged, 3u);
    pirqs.unbind(14);
    EXPECT_TRUE(io_apic.masked(14));
}

TEST_F(Routing, ALevelLineStaysMaskedUntilItsEnd)
{
    PirqTable pirqs(sink);
    ASSERT_TRUE(pirqs.map_gsi(20));
    ASSERT_TRUE(interrupts.configure(*interrupts.gsi(20), Trigger::level, Polarity::low));
    EXPECT_EQ(interrupts.configure(*interrupts.gsi(20), Trigger::level, Polarity::low).error(), Errno::eexist);
    ASSERT_TRUE(pirqs.bind(20, Sharing::shared, 0));
    EXPECT_EQ(io_apic.words[40] & 0xa000, 0xa000u);
    EXPECT_TRUE(pirqs.handling(20)->needs_end);
    for (unsigned i = 1; i <= 3; ++i) {
        EXPECT_TRUE(raise(20));
        EXPECT_EQ(acknowledged, i);
        EXPECT_FALSE(raise(20)) << "no storm before the end";
        ASSERT_TRUE(pirqs.end(20));
    }
    ASSERT_TRUE(pirqs.end(20)) << "an end too many changes nothing";
    EXPECT_TRUE(raise(20));
    EXPECT_EQ(sink.fired.size(), 4u);
}

TEST_F(Routing, ASharedLineWaitsForAllDomains)
{
    PirqTable first(sink);
    auto second = std::make_unique<PirqTable>(other_sink);
    ASSERT_TRUE(first.map_gsi(18));
    ASSERT_TRUE(second->map_gsi(18));
    ASSERT_TRUE(first.bind(18, Sharing::shared, 0));
    ASSERT_TRUE(second->bind(18, Sharing::shared, 0));
    EXPECT_TRUE(first.handling(18)->shared);
    EXPECT_TRUE(raise(18));
    ASSERT_TRUE(first.end(18));
    EXPECT_FALSE(raise(18)) << "the other domain is not done";
    second.reset(); // and never will be
    EXPECT_TRUE(raise(18));
    EXPECT_EQ(sink.fired.size(), 2u);
    EXPECT_EQ(other_sink.fired.size(), 1u);
}

TEST_F(Routing, ExclusiveMeansExclusive)
{
    PirqTable first(sink), second(other_sink);
    ASSERT_TRUE(first.map_gsi(18));
    ASSERT_TRUE(second.map_gsi(18));
    ASSERT_TRUE(first.bind(18, Sharing::exclusive, 0));
    EXPECT_EQ(second.bind(18, Sharing::shared, 0).error(), Errno::ebusy);
    EXPECT_EQ(first.bind(18, Sharing::exclusive, 0).error(), Errno::eexist);
    EXPECT_EQ(first.unmap(18).error(), Errno::ebusy);
    EXPECT_EQ(first.bind(19, Sharing::exclusive, 0).error(), Errno::einval) << "not mapped";
    EXPECT_EQ(first.map_gsi(24).error(), Errno::einval) << "no such pin";
    EXPECT_EQ(first.map_gsi(18).error(), Errno::eexist);
    EXPECT_EQ(first.unmap(19).error(), Errno::einval);
    EXPECT_EQ(first.end(PirqTable::limit).error(), Errno::einval);
}

TEST_F(Routing, TheHypervisorsOwnLineIsNotForDomains)
{
    ASSERT_TRUE(interrupts.bind_own(*interrupts.gsi(4), 0, [] { ++own_calls; }));
    EXPECT_TRUE(raise(4));
    EXPECT_EQ(own_calls, 1u);
    EXPECT_EQ(acknowledged, 1u);
    PirqTable pirqs(sink);
    ASSERT_TRUE(pirqs.map_gsi(4)) << "Linux maps every ISA line, wanted or not";
    EXPECT_EQ(pirqs.bind(4, Sharing::shared, 0).error(), Errno::ebusy);
    EXPECT_TRUE(raise(4));
    EXPECT_EQ(own_calls, 2u);
    EXPECT_TRUE(sink.fired.empty());
    EXPECT_EQ(interrupts.configure(*interrupts.gsi(4), Trigger::level, Polarity::low).error(), Errno::eexist);
}

TEST_F(Routing, AMessageIsProgrammedWhenMappedAndOpenedWhenBound)
{
    PirqTable pirqs(sink);
    auto const pirq = map_entry(pirqs, 3);
    ASSERT_TRUE(pirq);
    EXPECT_GE(*pirq, interrupts.gsi_limit());
    EXPECT_EQ(entry(3)[0], 0xfee0'0000u);
    EXPECT_GE(entry(3)[2], 0x30u);
    EXPECT_FALSE(send(3)) << "masked until bound";
    ASSERT_TRUE(pirqs.bind(*pirq, Sharing::exclusive, 1));
    EXPECT_EQ(entry(3)[0], 0xfee0'2000u) << "on the CPU that bound it";
    EXPECT_TRUE(send(3));
    EXPECT_TRUE(send(3));
    EXPECT_EQ(sink.fired, (std::vector<unsigned>{*pirq, *pirq}));
    EXPECT_FALSE(pirqs.handling(*pirq)->needs_end);
    EXPECT_EQ(map_entry(pirqs, 3).error(), Errno::eexist);
    EXPECT_EQ(map_entry(pirqs, 4, 7).error(), Errno::einval) << "numbers of pins are not for messages";
    EXPECT_EQ(*map_entry(pirqs, 4, 500), 500u);
    EXPECT_EQ(map_entry(pirqs, 5, 500).error(), Errno::eexist);
    pirqs.unbind(*pirq);
    EXPECT_FALSE(send(3));
    ASSERT_TRUE(pirqs.unmap(*pirq));
    EXPECT_TRUE(map_entry(pirqs, 3));
}

TEST_F(Routing, AMoveLosesNothing)
{
    PirqTable pirqs(sink);
    auto const pirq = *map_entry(pirqs, 0);
    ASSERT_TRUE(pirqs.bind(pirq, Sharing::exclusive, 0));
    std::uint32_t const old_vector = entry(0)[2];
    pirqs.move(pirq, 3);
    EXPECT_EQ(entry(0)[0], 0xfee0'6000u);
    deliver(0, old_vector); // was on its way to the old CPU
    EXPECT_EQ(sink.fired.size(), 1u);
    EXPECT_TRUE(send(0)); // arrives at the new CPU: the old place is given up
    EXPECT_EQ(sink.fired.size(), 2u);
    deliver(0, old_vector);
    EXPECT_EQ(sink.fired.size(), 2u) << "now a stray vector";
    EXPECT_EQ(acknowledged, 3u) << "which is acknowledged all the same";
}

TEST_F(Routing, ALevelLineMovesBetweenInterrupts)
{
    PirqTable pirqs(sink);
    ASSERT_TRUE(pirqs.map_gsi(20));
    ASSERT_TRUE(pirqs.bind(20, Sharing::exclusive, 0));
    pirqs.move(20, 1);
    EXPECT_EQ(io_apic.destination(20), 2u) << "idle: at once";
    EXPECT_TRUE(raise(20));
    pirqs.move(20, 2);
    EXPECT_EQ(io_apic.destination(20), 2u) << "in service: not yet";
    ASSERT_TRUE(pirqs.end(20));
    EXPECT_EQ(io_apic.destination(20), 4u);
    EXPECT_TRUE(raise(20));
    ASSERT_TRUE(pirqs.end(20));
    // The interrupt was sent but not taken yet: remote IRR is set.
    io_apic.words[40] |= RedirectionEntry::remote_irr_bit;
    pirqs.move(20, 3);
    EXPECT_EQ(io_apic.destination(20), 4u);
    EXPECT_FALSE(io_apic.masked(20));
    io_apic.words[40] &= ~RedirectionEntry::remote_irr_bit;
    EXPECT_TRUE(raise(20));
    ASSERT_TRUE(pirqs.end(20));
    EXPECT_EQ(io_apic.destination(20), 6u);
}

TEST_F(Routing, AnEdgeLineMovesWithoutBeingMasked)
{
    PirqTable pirqs(sink);
    ASSERT_TRUE(pirqs.map_gsi(14));
    ASSERT_TRUE(pirqs.bind(14, Sharing::exclusive, 0));
    std::uint8_t const vector = io_apic.vector(14);
    pirqs.move(14, 1);
    EXPECT_EQ(io_apic.vector(14), vector);
    EXPECT_EQ(io_apic.destination(14), 2u);
    EXPECT_TRUE(raise(14));
    EXPECT_EQ(sink.fired.size(), 1u);
}

TEST_F(Routing, VectorsRunOutCleanly)
{
    PirqTable pirqs(sink);
    pci::Address function{.segment = 0, .bus = 9, .devfn = 0};
    pci.add_device(function);
    pci.add_msix(function, 0x70, 2048, 0, 0xe000'0000, 0);
    unsigned mapped = 0;
    Errno refused{};
    for (std::uint16_t entry = 0; entry < 300; ++entry) {
        auto const place = locate_msix(pci, memory, function, entry, 0);
        ASSERT_TRUE(place);
        auto const pirq = pirqs.map_message(*place, -1, 0);
        if (!pirq) {
            refused = pirq.error();
            break;
        }
        ++mapped;
    }
    EXPECT_EQ(mapped, 0xdfu - 0x30 + 1);
    EXPECT_EQ(refused, Errno::enospc);
    auto const place = locate_msix(pci, memory, function, 299, 0);
    EXPECT_TRUE(pirqs.map_message(*place, -1, 1)) << "other CPUs have vectors of their own";
    pirqs.release_all();
    EXPECT_TRUE(pirqs.map_message(*place, -1, 0)) << "and everything came back";
}

TEST_F(Routing, TheGuestsViewOfTheIoApicHidesRouting)
{
    PirqTable pirqs(sink);
    ASSERT_TRUE(pirqs.map_gsi(14));
    ASSERT_TRUE(pirqs.bind(14, Sharing::exclusive, 1));
    EXPECT_EQ(*interrupts.read_io_apic(0xfec00000, 1), 0x0017'0020u);
    EXPECT_EQ(*interrupts.read_io_apic(0xfec00000, 0x10 + 28), RedirectionEntry::mask_bit);
    EXPECT_EQ(*interrupts.read_io_apic(0xfec00000, 0x10 + 29), 0u);
    EXPECT_EQ(interrupts.read_io_apic(0xfec00000, 0x10 + 48).error(), Errno::einval);
    EXPECT_EQ(interrupts.read_io_apic(0xfec00000, 3).error(), Errno::einval);
    EXPECT_EQ(interrupts.read_io_apic(0xfec01000, 0).error(), Errno::einval);
}

TEST_F(Routing, RestoreWritesMessagesAgain)
{
    PirqTable pirqs(sink);
    auto const pirq = *map_entry(pirqs, 2);
    ASSERT_TRUE(pirqs.bind(pirq, Sharing::exclusive, 0));
    auto const before = entry(2);
    entry(2) = {0, 0, 0, 1};
    interrupts.restore_messages(nvme);
    EXPECT_EQ(entry(2), before);
}

/// The sink of a domain that is being torn down: it must not be called after its table is gone.
class SlowSink final : public PirqSink {
public:
    void pirq_fired(unsigned) override
    {
        entered = true;
        while (!may_leave)
            std::this_thread::yield();
        left = true;
    }
    std::atomic<bool> entered{false}, may_leave{false}, left{false};
};

TEST_F(Routing, TeardownWaitsForADeliveryUnderWay)
{
    SlowSink slow;
    auto pirqs = std::make_unique<PirqTable>(slow);
    ASSERT_TRUE(pirqs->map_gsi(14));
    ASSERT_TRUE(pirqs->bind(14, Sharing::exclusive, 1));
    std::uint8_t const vector = io_apic.vector(14);
    std::thread other([&] {
        cpu::fake_cpu = 1;
        on_interrupt(vector);
    });
    while (!slow.entered)
        std::this_thread::yield();
    std::atomic<bool> torn_down{false};
    std::thread destroyer([&] {
        cpu::fake_cpu = 0;
        pirqs.reset();
        torn_down = true;
        EXPECT_TRUE(slow.left);
    });
    for (unsigned i = 0; i < 1000; ++i)
        std::this_thread::yield();
    EXPECT_FALSE(torn_down);
    slow.may_leave = true;
    other.join();
    destroyer.join();
    EXPECT_TRUE(torn_down);
}

} // namespace
} // namespace rf::dev
