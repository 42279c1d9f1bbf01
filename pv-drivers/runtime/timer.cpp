// SPDX-License-Identifier: MIT
#include "timer.hpp"

#include <algorithm>
#include <atomic>

#include "events.hpp"
#include "hypercall.hpp"
#include "xen/vcpu.h"

namespace rf::runtime {

namespace {

[[nodiscard]] std::uint64_t read_tsc()
{
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return std::uint64_t{high} << 32 | low;
}

/// Calls `read` until the version word was even and the same before and after it.
template <class Read>
void read_consistently(std::uint32_t& version, Read read)
{
    std::atomic_ref word(version);
    for (;;) {
        const std::uint32_t before = word.load(std::memory_order_acquire);
        if (before % 2 == 0) {
            read();
            std::atomic_thread_fence(std::memory_order_acquire);
            if (word.load(std::memory_order_relaxed) == before)
                return;
        }
        asm volatile("pause");
    }
}

}  // namespace

constinit Timer timer;

Result<void> Timer::initialise()
{
    if (auto stopped = checked(hypercall(xen::HYPERVISOR_vcpu_op, xen::VCPUOP_stop_periodic_timer, 0, nullptr)); !stopped)
        return std::unexpected(stopped.error());
    // the event's only task is to end a sleep
    const auto port = events.bind_virq(xen::VIRQ_TIMER);
    if (!port)
        return std::unexpected(port.error());
    return events.handle(*port, [](Port, void*) {}, nullptr);
}

std::uint64_t Timer::now()
{
    if (shared_ == nullptr)
        return 0;
    auto& time = shared_->vcpu_info[0].time;
    std::uint64_t result = 0;
    read_consistently(time.version, [&] {
        const volatile auto& shared = time;
        std::uint64_t ticks = read_tsc() - shared.tsc_timestamp;
        const int shift = shared.tsc_shift;
        ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
        result = shared.system_time + static_cast<std::uint64_t>(static_cast<unsigned __int128>(ticks) * shared.tsc_to_system_mul >> 32);
    });
    last_ = std::max(last_, result);
    return last_;
}

std::uint64_t Timer::wall_clock()
{
    std::uint64_t seconds = 0;
    std::uint64_t nanoseconds = 0;
    read_consistently(shared_->wc_version, [&] {
        const volatile auto& shared = *shared_;
        seconds = std::uint64_t{shared.wc_sec_hi} << 32 | shared.wc_sec;
        nanoseconds = shared.wc_nsec;
    });
    return seconds * nanoseconds_per_second + nanoseconds + now();
}

bool Timer::wait_until(front::Condition ready, std::uint64_t deadline)
{
    bool holds = false;
    bool armed = false;
    events.wait_until([&] {
        holds = ready();
        if (holds || now() >= deadline)
            return true;
        // set anew each time: the timer may have come a little early
        hypercall(xen::HYPERVISOR_set_timer_op, deadline);
        armed = true;
        return false;
    });
    // a guest that sleeps on must not be woken for what nobody waits for any more
    if (armed && holds)
        hypercall(xen::HYPERVISOR_set_timer_op, 0);
    return holds;
}

void Timer::sleep_until(std::uint64_t deadline)
{
    auto never = [] { return false; };
    static_cast<void>(wait_until(never, deadline));
}

}  // namespace rf::runtime
