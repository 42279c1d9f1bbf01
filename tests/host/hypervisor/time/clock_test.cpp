// SPDX-License-Identifier: MIT
// Story: the hypervisor and its guests compute system time from the same published numbers, so they must get the same
// value, exact to the counter's own resolution, for every plausible counter frequency; deadlines convert back without ever
// firing early; pages read while they are being rewritten show the version protocol. A wrong scale would show as drift, a
// wrong inverse as a deadline before its time.
#include "base/atomic.hpp"
#include "cpu/insn.hpp"
#include "time/clock.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>

namespace rf::time {
namespace {

/// What a guest computes from a time page (public header xen.h, vcpu_time_info).
std::uint64_t guest_time(xen::vcpu_time_info const& page, std::uint64_t tsc)
{
    std::uint64_t delta = tsc - page.tsc_timestamp;
    delta = page.tsc_shift < 0 ? delta >> -page.tsc_shift : delta << page.tsc_shift;
    return page.system_time +
           static_cast<std::uint64_t>(static_cast<unsigned __int128>(delta) * page.tsc_to_system_mul >> 32);
}

class TimeClock : public ::testing::Test {
protected:
    ~TimeClock() override { cpu::fake_tsc = 0; }
    void start(std::uint64_t khz, std::uint64_t tsc = 0, std::uint64_t wallclock = 0)
    {
        cpu::fake_tsc = tsc;
        init(khz, wallclock);
    }
};

TEST_F(TimeClock, ScaleIsExactForAllFrequencies)
{
    for (std::uint64_t khz : {1'000ull, 32'768ull, 999'999ull, 1'000'000ull, 1'000'001ull, 1'995'312ull, 2'400'000ull,
                              3'700'123ull, 8'000'000ull, 99'999'999ull}) {
        Scale const scale = Scale::of_khz(khz);
        EXPECT_GE(scale.mul, 1u << 31) << khz;
        for (std::uint64_t seconds : {1ull, 60ull, 86'400ull, 31'536'000ull}) {
            double const exact = static_cast<double>(seconds) * 1e9;
            double const error = static_cast<double>(scale.nanoseconds(seconds * khz * 1000)) - exact;
            EXPECT_LE(std::abs(error), exact * 5e-10 + 1000) << khz << " kHz, " << seconds << " s";
        }
    }
}

TEST_F(TimeClock, TicksIsTheLeastInverse)
{
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        Scale const scale = Scale::of_khz(1'000 + random() % 10'000'000);
        Nanoseconds const duration = random() >> (2 + random() % 60);
        std::uint64_t const ticks = scale.ticks(duration);
        if (ticks == ~0ull)
            continue;
        ASSERT_GE(scale.nanoseconds(ticks), duration);
        if (ticks > 0) {
            ASSERT_LT(scale.nanoseconds(ticks - 1), duration);
        }
    }
}

TEST_F(TimeClock, TicksSaturates)
{
    EXPECT_EQ(Scale::of_khz(10'000'000).ticks(~0ull), ~0ull);
    start(2'000'000, 12345);
    EXPECT_EQ(tsc_of(never), ~0ull);
    EXPECT_EQ(tsc_of(never - 1), ~0ull);
}

TEST_F(TimeClock, GuestsComputeTheHypervisorsTime)
{
    start(2'893'202, 987'654'321'000);
    xen::vcpu_time_info page;
    std::memset(&page, 0xee, sizeof page);
    publish(page);
    EXPECT_EQ(page.version % 2, 0u);
    EXPECT_EQ(page.flags, xen::XEN_PVCLOCK_TSC_STABLE_BIT);
    EXPECT_NE(page.tsc_to_system_mul, 0u);
    std::mt19937_64 random(2);
    Nanoseconds last = 0;
    for (int i = 0; i < 10'000; ++i) {
        cpu::fake_tsc += random() % 10'000'000'000;
        EXPECT_EQ(guest_time(page, cpu::fake_tsc), now());
        EXPECT_GE(now(), last);
        last = now();
    }
}

TEST_F(TimeClock, DeadlinesDoNotFireEarly)
{
    start(2'893'202, 987'654'321'000);
    for (Nanoseconds deadline : {0ull, 1ull, 17ull, 1'000'000ull, 123'456'789'012'345ull}) {
        EXPECT_GE(at_tsc(tsc_of(deadline)), deadline);
        EXPECT_LE(at_tsc(tsc_of(deadline)), deadline + 2);
    }
    EXPECT_EQ(at_tsc(0), 0u);
}

TEST_F(TimeClock, WallClockIsSetRelativeToSystemTime)
{
    start(1'000'000, 0, 1'700'000'000ull * second);
    xen::shared_info page{};
    publish_wallclock(page, 0);
    EXPECT_EQ(page.wc_sec, 1'700'000'000u);
    EXPECT_EQ(page.wc_version % 2, 0u);
    std::uint32_t const version = page.wc_version;

    set_wallclock(1'700'000'100, 500'000'000, 40 * second + 1);
    publish_wallclock(page, 0);
    EXPECT_GT(page.wc_version, version);
    EXPECT_EQ(page.wc_sec, 1'700'000'060u);
    EXPECT_EQ(page.wc_nsec, 499'999'999u);

    publish_wallclock(page, -3600);
    EXPECT_EQ(page.wc_sec, 1'700'000'060u - 3600);

    set_wallclock(5'000'000'000, 0, 0); // after 2106
    publish_wallclock(page, 7);
    EXPECT_EQ(page.wc_sec_hi, 1u);
    EXPECT_EQ(page.wc_sec, static_cast<std::uint32_t>(5'000'000'007));
}

TEST_F(TimeClock, ReadersNeverSeeAMixtureOfWallClocks)
{
    start(1'000'000);
    xen::shared_info page{};
    std::atomic<bool> stop{false};
    std::atomic<int> checked{0};
    std::thread reader([&] {
        while (!stop) {
            std::uint32_t const before = shared(page.wc_version).load(acquire);
            std::uint32_t const sec = shared(page.wc_sec).load(relaxed);
            std::uint32_t const nsec = shared(page.wc_nsec).load(relaxed);
            std::atomic_thread_fence(acquire);
            if (before % 2 == 0 && shared(page.wc_version).load(relaxed) == before && sec != 0) {
                EXPECT_EQ(sec, nsec);
                ++checked;
            }
        }
    });
    for (std::uint32_t i = 1; i < 200'000 || checked < 100; ++i) {
        set_wallclock(i % 999'999 + 1, i % 999'999 + 1, 0);
        publish_wallclock(page, 0);
    }
    stop = true;
    reader.join();
}

} // namespace
} // namespace rf::time
