// SPDX-License-Identifier: MIT
/// Story: all of the hypervisor's time hangs on one number measured at boot. The measurement must be right for every
/// counter width and through wrap-around, must give up on dead counters, and must shrug off one window during which the
/// machine was stopped. The battery clock must be decoded in all its modes, and nonsense in it must be refused.
#include "dev/clock_source.hpp"
#include "dev/rtc.hpp"

#include "cpu/insn.hpp"

#include <gtest/gtest.h>

#include <random>

namespace rf::dev {
namespace {

/// A simulated moment: every reading of anything takes `step` nanoseconds, give or take.
struct World {
    double nanoseconds = 0;
    double tsc_hertz = 1e9;
    double step = 1000;
    std::mt19937 random{1};
    double stall_at = -1, stall = 0;
    void pass()
    {
        nanoseconds += step * (0.5 + (random() % 1000) / 1000.0);
        if (stall_at >= 0 && nanoseconds > stall_at) {
            nanoseconds += stall;
            stall_at = -1;
        }
    }
};
World* world = nullptr;

std::uint64_t read_world_tsc()
{
    world->pass();
    return static_cast<std::uint64_t>(world->nanoseconds * world->tsc_hertz / 1e9);
}

class SimulatedCounter final : public ReferenceCounter {
public:
    SimulatedCounter(std::uint64_t hertz, unsigned bits) : hertz_(hertz), bits_(bits) {}
    std::uint64_t read() override
    {
        world->pass();
        auto const count = static_cast<std::uint64_t>(world->nanoseconds * static_cast<double>(hertz_) / 1e9) + 0xfff0;
        return frozen ? 7 : count & (bits_ >= 64 ? ~0ull : (1ull << bits_) - 1);
    }
    std::uint64_t hertz() const override { return hertz_; }
    unsigned bits() const override { return bits_; }
    char const* name() const override { return "simulated"; }
    bool frozen = false;

private:
    std::uint64_t hertz_;
    unsigned bits_;
};

struct Calibration : testing::Test {
    Calibration() { world = &here; }
    ~Calibration() override { world = nullptr; }
    World here;
};

TEST_F(Calibration, IsRightForEveryCounterAndProcessor)
{
    struct Source {
        std::uint64_t hertz;
        unsigned bits;
    };
    for (Source const source : {Source{14'318'180, 32}, {100'000'000, 32}, {3'579'545, 24}, {3'579'545, 32}, {1'193'182, 16}})
        for (double const tsc : {1e9, 2.4e9, 5.123e9, 133e6}) {
            here = World{};
            here.tsc_hertz = tsc;
            SimulatedCounter counter(source.hertz, source.bits);
            auto const khz = measure_khz(counter, read_world_tsc);
            ASSERT_TRUE(khz);
            EXPECT_NEAR(static_cast<double>(*khz), tsc / 1000, tsc / 1000 * 1e-4) << source.hertz << " Hz";
        }
}

TEST_F(Calibration, OneStalledWindowDoesNotSpoilTheResult)
{
    here.stall_at = 30e6;
    here.stall = 200e6; // the 16-bit counter comes round several times unseen
    SimulatedCounter counter(1'193'182, 16);
    auto const khz = measure_khz(counter, read_world_tsc);
    ASSERT_TRUE(khz);
    EXPECT_NEAR(static_cast<double>(*khz), 1e6, 100);
}

TEST_F(Calibration, ADeadCounterIsGivenUp)
{
    SimulatedCounter counter(3'579'545, 24);
    counter.frozen = true;
    EXPECT_EQ(measure_khz(counter, read_world_tsc).error(), Errno::etimedout);
}

TEST_F(Calibration, AnImpossibleFrequencyIsRefused)
{
    here.tsc_hertz = 1000;
    SimulatedCounter counter(3'579'545, 24);
    EXPECT_EQ(measure_khz(counter, read_world_tsc).error(), Errno::erange);
}

constexpr std::uint8_t bcd(unsigned value) { return static_cast<std::uint8_t>(value / 10 << 4 | value % 10); }

TEST(RealTimeClock, DecodesAllModes)
{
    // 2024-02-29 23:59:58 UTC
    constexpr std::uint64_t expected = 1'709'251'198;
    using rtc::to_unix_seconds;
    EXPECT_EQ(to_unix_seconds({bcd(58), bcd(59), bcd(23), bcd(29), bcd(2), bcd(24), bcd(20), 0x02}), expected);
    EXPECT_EQ(to_unix_seconds({58, 59, 23, 29, 2, 24, 20, 0x06}), expected);
    EXPECT_EQ(to_unix_seconds({bcd(58), bcd(59), 0x80 | bcd(11), bcd(29), bcd(2), bcd(24), bcd(20), 0x00}), expected);
    EXPECT_EQ(to_unix_seconds({58, 59, 0x80 | 11, 29, 2, 24, 20, 0x04}), expected);
    EXPECT_EQ(to_unix_seconds({58, 59, 23, 29, 2, 24, 0, 0x06}), expected) << "no century register";
    EXPECT_EQ(to_unix_seconds({0, 0, 0, 1, 1, 70, 19, 0x06}), 0u);
    EXPECT_EQ(to_unix_seconds({0, 0, 12, 1, 1, 70, 19, 0x04}), 0u) << "12 in the morning is midnight";
    EXPECT_EQ(to_unix_seconds({0, 0, 0x80 | 12, 1, 1, 70, 19, 0x04}), 12u * 3600) << "12 in the afternoon is noon";
    EXPECT_EQ(to_unix_seconds({0, 0, 0, 1, 3, 0, 21, 0x06}), 4'107'542'400u) << "2100 is no leap year";
}

TEST(RealTimeClock, RefusesNonsense)
{
    using rtc::to_unix_seconds;
    EXPECT_FALSE(to_unix_seconds({60, 0, 0, 1, 1, 24, 20, 0x06}));
    EXPECT_FALSE(to_unix_seconds({0, 60, 0, 1, 1, 24, 20, 0x06}));
    EXPECT_FALSE(to_unix_seconds({0, 0, 24, 1, 1, 24, 20, 0x06}));
    EXPECT_FALSE(to_unix_seconds({0, 0, 0, 0, 1, 24, 20, 0x06}));
    EXPECT_FALSE(to_unix_seconds({0, 0, 0, 1, 13, 24, 20, 0x06}));
    EXPECT_FALSE(to_unix_seconds({0, 0, 0, 1, 0, 24, 20, 0x06}));
    EXPECT_FALSE(to_unix_seconds({0, 0, 13, 1, 1, 24, 20, 0x04}));
    EXPECT_FALSE(to_unix_seconds({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})) << "no chip there";
}

/// A clock chip whose update flag behaves as the test wants.
class Chip final : public cpu::PortBus {
public:
    Chip() { cpu::fake_ports = this; }
    ~Chip() override { cpu::fake_ports = nullptr; }
    std::uint32_t in(std::uint16_t port, unsigned) override
    {
        if (port != 0x71)
            return 0xff;
        if (index == 0x0a)
            return always_updating || busy_readings-- > 0 ? 0x80 : 0;
        if (index == 0x00 && ticks_while_read) {
            --ticks_while_read;
            return registers[0]++;
        }
        return registers[index & 0x7f];
    }
    void out(std::uint16_t port, unsigned, std::uint32_t value) override
    {
        if (port == 0x70)
            index = static_cast<std::uint8_t>(value);
    }
    std::array<std::uint8_t, 128> registers{10, 0, 0, 0, 0, 0, 0, 1, 1, 70, 0, 0x06};
    std::uint8_t index = 0;
    int busy_readings = 0;
    int ticks_while_read = 0;
    bool always_updating = false;
};

TEST(RealTimeClock, ReadsAroundUpdates)
{
    Chip chip;
    chip.busy_readings = 50;
    EXPECT_EQ(rtc::read_unix_seconds(), 10u);
    chip.ticks_while_read = 1; // the first two readings differ
    EXPECT_EQ(rtc::read_unix_seconds(), 11u);
}

TEST(RealTimeClock, DoesNotWaitForEver)
{
    Chip chip;
    chip.always_updating = true;
    EXPECT_EQ(rtc::read_unix_seconds().error(), Errno::etimedout);
    chip.always_updating = false;
    chip.ticks_while_read = 1000; // never twice the same
    EXPECT_EQ(rtc::read_unix_seconds().error(), Errno::etimedout);
}

} // namespace
} // namespace rf::dev
