// SPDX-License-Identifier: MIT
/// Story: ports are how a domain could take the machine over. A domain without the right must read all ones and change
/// nothing; Dom0's configuration cycles must use its own latch however we use the real one in between; its view of the
/// clock's index and of the timer must not disturb ours. A recording bus shows every access that reached the machine.
#include "dev/control_rights.hpp"
#include "dev/pci.hpp"
#include "dev/port_access.hpp"
#include "dev/rtc.hpp"
#include "mm/device_window.hpp"

#include "cpu/insn.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <tuple>
#include <vector>

namespace rf::mm {
/// No test here reaches a memory-mapped window; a real one may be linked instead.
[[gnu::weak]] volatile void* map_device(MachineAddress, std::uint64_t) { return nullptr; }
} // namespace rf::mm

namespace rf::dev {
namespace {

struct Guest {
    bool control = false;
    Rights own;
    Rights const& rights() const { return own; }
    bool is_control() const { return control; }
};

using Access = std::tuple<char, std::uint16_t, unsigned, std::uint32_t>; ///< direction, port, size, value written

class Bus final : public cpu::PortBus {
public:
    Bus() { cpu::fake_ports = this; }
    ~Bus() override { cpu::fake_ports = nullptr; }
    std::uint32_t in(std::uint16_t port, unsigned size) override
    {
        log.emplace_back('i', port, size, 0);
        return values.contains(port) ? values[port] : 0x1234'5678;
    }
    void out(std::uint16_t port, unsigned size, std::uint32_t value) override { log.emplace_back('o', port, size, value); }
    std::vector<Access> take() { return std::exchange(log, {}); }
    std::map<std::uint16_t, std::uint32_t> values;
    std::vector<Access> log;
};

struct Ports : testing::Test {
    Ports()
    {
        auto const tables = std::make_unique<acpi::Tables>();
        tables->fadt = acpi::Fadt{};
        tables->fadt->pm_timer = {.space = acpi::AddressSpace::ports, .bits = 32, .address = 0x608};
        std::uint16_t const com1 = 0x3f8;
        dom0->control = true;
        EXPECT_TRUE(fill_control_rights(dom0->own, *tables,
                                        {.physical_address_bits = 40, .gsi_limit = 24, .serial_ports = {&com1, 1}}));
    }
    Bus bus;
    std::unique_ptr<Guest> dom0 = std::make_unique<Guest>();
    std::unique_ptr<Guest> domu = std::make_unique<Guest>();
};

TEST_F(Ports, WithoutTheRightNothingReachesTheMachine)
{
    for (std::uint16_t const port : {0x20, 0x60, 0x70, 0x71, 0xcf8, 0xcfc, 0xcf9, 0x61, 0x1f0}) {
        EXPECT_EQ(guest_in(*domu, port, 1), 0xffu);
        EXPECT_EQ(guest_in(*domu, port, 2), 0xffffu);
        EXPECT_EQ(guest_in(*domu, port, 4), 0xffff'ffffu);
        guest_out(*domu, port, 4, 0x8000'0000);
        guest_out(*domu, port, 1, 6);
    }
    EXPECT_TRUE(bus.take().empty());
}

TEST_F(Ports, APermittedRangeIsExact)
{
    ASSERT_TRUE(domu->own.ports.add(0x1f0, 0x1f7));
    EXPECT_EQ(guest_in(*domu, 0x1f0, 2), 0x5678u);
    EXPECT_EQ(guest_in(*domu, 0x1f7, 1), 0x78u);
    EXPECT_EQ(guest_in(*domu, 0x1f7, 2), 0xffffu) << "one byte too far";
    guest_out(*domu, 0x1f4, 4, 0xdead'beef);
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'i', 0x1f0, 2, 0}, {'i', 0x1f7, 1, 0}, {'o', 0x1f4, 4, 0xdead'beef}}));
}

TEST_F(Ports, VirtualPortsAreNeverForOrdinaryDomains)
{
    ASSERT_TRUE(domu->own.ports.add(0, 0xffff));
    guest_out(*domu, 0xcf8, 4, 0x8000'0000);
    EXPECT_EQ(guest_in(*domu, 0xcfc, 4), ~0u);
    EXPECT_EQ(guest_in(*domu, 0x71, 1), 0xffu);
    EXPECT_TRUE(bus.take().empty());
}

TEST_F(Ports, Dom0IsDeniedWhatWeDrive)
{
    for (std::uint16_t const port : {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x608, 0x60b, 0x3f8, 0x3ff}) {
        EXPECT_EQ(guest_in(*dom0, port, 1), 0xffu) << port;
        guest_out(*dom0, port, 1, 1);
    }
    EXPECT_EQ(guest_in(*dom0, 0x608, 4), ~0u) << "Linux tells the timer missing by this";
    EXPECT_TRUE(bus.take().empty());
    for (std::uint16_t const port : {0x60, 0x64, 0x22, 0x604, 0x60c, 0x2f8, 0xcf9, 0xb2, 0x80})
        (void)guest_in(*dom0, port, 1);
    EXPECT_EQ(bus.take().size(), 9u);
}

TEST_F(Ports, ConfigurationCyclesUseDom0sOwnLatch)
{
    guest_out(*dom0, 0xcf8, 4, 0x8000'1810);
    EXPECT_TRUE(bus.take().empty()) << "the address is kept, not written";
    (void)pci::machine().read16({.segment = 0, .bus = 7, .devfn = 0}, 0x0e); // we read something else
    (void)bus.take();
    EXPECT_EQ(guest_in(*dom0, 0xcf8, 4), 0x8000'1810u);
    EXPECT_EQ(guest_in(*dom0, 0xcfe, 2), 0x5678u);
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'o', 0xcf8, 4, 0x8000'1810}, {'i', 0xcfe, 2, 0}}));
    guest_out(*dom0, 0xcfd, 1, 0xab);
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'o', 0xcf8, 4, 0x8000'1810}, {'o', 0xcfd, 1, 0xab}}));
}

TEST_F(Ports, OnlyWellFormedCyclesReachTheBus)
{
    guest_out(*dom0, 0xcf8, 4, 0x8000'1810);
    EXPECT_EQ(guest_in(*dom0, 0xcfd, 2), 0xffffu) << "misaligned";
    EXPECT_EQ(guest_in(*dom0, 0xcff, 4), ~0u);
    guest_out(*dom0, 0xcf8, 4, 0x0000'1810);
    EXPECT_EQ(guest_in(*dom0, 0xcfc, 4), ~0u) << "not enabled";
    guest_out(*dom0, 0xcfc, 4, 1);
    EXPECT_EQ(guest_in(*dom0, 0xcfa, 4), ~0u) << "straddles latch and data";
    EXPECT_TRUE(bus.take().empty());
}

TEST_F(Ports, BytesBesideTheLatchAreOrdinary)
{
    guest_out(*dom0, 0xcf9, 1, 6); // a reset, not an address
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'o', 0xcf9, 1, 6}}));
}

TEST_F(Ports, TheClocksIndexIsRememberedPerDomain)
{
    guest_out(*dom0, 0x70, 1, 0x0b);
    EXPECT_TRUE(bus.take().empty());
    (void)rtc::read_register(0x32); // ours
    (void)bus.take();
    EXPECT_EQ(guest_in(*dom0, 0x70, 1), 0x0bu);
    (void)guest_in(*dom0, 0x71, 1);
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'o', 0x70, 1, 0x0b}, {'i', 0x71, 1, 0}}));
    guest_out(*dom0, 0x71, 1, 0x02);
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'o', 0x70, 1, 0x0b}, {'o', 0x71, 1, 0x02}}));
}

TEST_F(Ports, OnlyTheSpeakersTimerChannelIsDom0s)
{
    guest_out(*dom0, 0x43, 1, 0x34); // channel 0
    guest_out(*dom0, 0x43, 1, 0x76); // channel 1
    guest_out(*dom0, 0x43, 1, 0xce); // read-back of channels 0 to 2
    EXPECT_TRUE(bus.take().empty());
    guest_out(*dom0, 0x43, 1, 0xb6);
    guest_out(*dom0, 0x42, 1, 0x11);
    guest_out(*dom0, 0x43, 1, 0xe8); // read-back of channel 2
    EXPECT_EQ(bus.take(), (std::vector<Access>{{'o', 0x43, 1, 0xb6}, {'o', 0x42, 1, 0x11}, {'o', 0x43, 1, 0xe8}}));
    bus.values[0x61] = 0xfc;
    guest_out(*dom0, 0x61, 1, 0x0f & ~0x0c);
    EXPECT_EQ(bus.take().back(), (Access{'o', 0x61, 1, 0x0f})) << "gate and speaker change, NMI enables stay";
}

TEST(ControlRights, KeepTheInterruptControllersFromDom0)
{
    auto const tables = std::make_unique<acpi::Tables>();
    ASSERT_TRUE(tables->io_apics.push_back({.id = 0, .address = 0xfec00000, .first_gsi = 0}));
    tables->hpet = acpi::Hpet{.address = 0xfed00000, .protection = 0};
    auto const rights = std::make_unique<Rights>();
    ASSERT_TRUE(fill_control_rights(*rights, *tables,
                                    {.physical_address_bits = 40, .gsi_limit = 24, .serial_ports = {}}));
    RangeSet const& frames = rights->device_frames;
    EXPECT_TRUE(frames.contains(0, 0xfebff)) << "low memory, VGA, ROMs, devices";
    EXPECT_FALSE(frames.contains(0xfec00, 0xfec00));
    EXPECT_FALSE(frames.contains(0xfee00, 0xfee00));
    EXPECT_FALSE(frames.contains(0xfeeff, 0xfeeff)) << "interrupt messages";
    EXPECT_TRUE(frames.contains(0xfef00, (1ull << 28) - 1));
    EXPECT_FALSE(frames.contains(1ull << 28, 1ull << 28)) << "no such address";
    EXPECT_TRUE(rights->read_only_frames.contains(0xfed00, 0xfed00));
    EXPECT_TRUE(rights->interrupts.contains(0, 23));
    EXPECT_FALSE(rights->interrupts.contains(24, 24));
    EXPECT_TRUE(rights->drives_devices());

    tables->hpet->protection = 1;
    auto const guarded = std::make_unique<Rights>();
    ASSERT_TRUE(fill_control_rights(*guarded, *tables, {.physical_address_bits = 40, .gsi_limit = 24, .serial_ports = {}}));
    EXPECT_FALSE(guarded->device_frames.contains(0xfed00, 0xfed00));
}

} // namespace
} // namespace rf::dev
