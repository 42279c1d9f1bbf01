// SPDX-License-Identifier: MIT
#include "time/clock.hpp"

#include "base/atomic.hpp"
#include "base/panic.hpp"
#include "base/spinlock.hpp"
#include "cpu/insn.hpp"

namespace rf::time {

namespace {

/// The machine's reference point; written by init() before other CPUs and guests run.
struct Reference {
    std::uint64_t tsc = 0;
    std::uint64_t khz = 0;
    Scale scale;
};

constinit Reference reference;
constinit Atomic<std::uint64_t> wallclock{0};
/// Two vCPUs of the control domain may set the clock at once; each page needs one writer at a time.
constinit Spinlock publication_lock{LockRank::timer_queue};

} // namespace

Scale Scale::of_khz(std::uint64_t khz)
{
    require(khz > 0, "the time-stamp counter has a frequency");
    constexpr std::uint64_t nanoseconds_per_millisecond = 1'000'000;
    // Normalise so that mul uses all 32 bits: 2^31 <= mul < 2^32.
    int shift = 0;
    while (nanoseconds_per_millisecond >> shift >= khz)
        ++shift;
    while (shift <= 0 && (nanoseconds_per_millisecond << (1 - shift)) < khz)
        --shift;
    std::uint64_t const mul = (nanoseconds_per_millisecond << (32 - shift)) / khz;
    return {static_cast<std::uint32_t>(mul), static_cast<std::int8_t>(shift)};
}

Nanoseconds Scale::nanoseconds(std::uint64_t ticks) const
{
    std::uint64_t const shifted = shift < 0 ? ticks >> -shift : ticks << shift;
    return static_cast<Nanoseconds>(static_cast<unsigned __int128>(shifted) * mul >> 32);
}

std::uint64_t Scale::ticks(Nanoseconds duration) const
{
    // The least x with x * mul >= duration << 32, by long division in base 2^32.
    std::uint64_t const high = duration / mul;
    std::uint64_t const rest = duration % mul << 32;
    if (high >> 32)
        return ~0ull;
    std::uint64_t const quotient = (high << 32) + rest / mul;
    std::uint64_t const wanted = quotient + (rest % mul != 0);
    if (wanted < quotient)
        return ~0ull;
    if (shift < 0)
        return wanted >> (64 + shift) ? ~0ull : wanted << -shift;
    return (wanted >> shift) + ((wanted & ((1ull << shift) - 1)) != 0);
}

void init(std::uint64_t tsc_khz, std::uint64_t wallclock_at_start)
{
    reference = {cpu::read_tsc(), tsc_khz, Scale::of_khz(tsc_khz)};
    wallclock.store(wallclock_at_start, release);
}

Nanoseconds now() { return at_tsc(cpu::read_tsc()); }

Nanoseconds at_tsc(std::uint64_t tsc)
{
    return tsc <= reference.tsc ? 0 : reference.scale.nanoseconds(tsc - reference.tsc);
}

std::uint64_t tsc_of(Nanoseconds deadline)
{
    if (deadline == never)
        return ~0ull;
    std::uint64_t const ticks = reference.scale.ticks(deadline);
    return ticks > ~reference.tsc ? ~0ull : reference.tsc + ticks;
}

std::uint64_t tsc_khz() { return reference.khz; }
Scale scale() { return reference.scale; }

xen::vcpu_time_info time_page()
{
    xen::vcpu_time_info page{};
    page.tsc_timestamp = reference.tsc;
    page.system_time = 0;
    page.tsc_to_system_mul = reference.scale.mul;
    page.tsc_shift = reference.scale.shift;
    page.flags = xen::XEN_PVCLOCK_TSC_STABLE_BIT;
    return page;
}

void publish(xen::vcpu_time_info& page)
{
    xen::vcpu_time_info const contents = time_page();
    // The guest can write the version too; whatever it holds, go through an odd value to a larger even one.
    std::uint32_t const updating = shared(page.version).load(relaxed) | 1;
    shared(page.version).store(updating, relaxed);
    std::atomic_thread_fence(release);
    shared(page.tsc_timestamp).store(contents.tsc_timestamp, relaxed);
    shared(page.system_time).store(contents.system_time, relaxed);
    shared(page.tsc_to_system_mul).store(contents.tsc_to_system_mul, relaxed);
    shared(page.tsc_shift).store(contents.tsc_shift, relaxed);
    shared(page.flags).store(contents.flags, relaxed);
    shared(page.version).store(updating + 1, release);
}

void set_wallclock(std::uint64_t seconds, std::uint32_t nanoseconds, Nanoseconds at)
{
    wallclock.store(seconds * second + nanoseconds - at, release);
}

std::uint64_t wallclock_base() { return wallclock.load(acquire); }

void publish_wallclock(xen::shared_info& page, std::int64_t offset_seconds)
{
    LockGuard const guard{publication_lock};
    std::uint64_t const base = wallclock.load(acquire);
    std::uint64_t const seconds = base / second + static_cast<std::uint64_t>(offset_seconds);
    std::uint32_t const updating = shared(page.wc_version).load(relaxed) | 1;
    shared(page.wc_version).store(updating, relaxed);
    std::atomic_thread_fence(release);
    shared(page.wc_sec).store(static_cast<std::uint32_t>(seconds), relaxed);
    shared(page.wc_sec_hi).store(static_cast<std::uint32_t>(seconds >> 32), relaxed);
    shared(page.wc_nsec).store(static_cast<std::uint32_t>(base % second), relaxed);
    shared(page.wc_version).store(updating + 1, release);
}

} // namespace rf::time
