// SPDX-License-Identifier: MIT
#include "time/runstate.hpp"

#include "cpu/relax.hpp"

namespace rf::time {

void Runstate::change(xen::runstate state, Nanoseconds now)
{
    Nanoseconds const entered = entered_.load(relaxed);
    Nanoseconds const left = now > entered ? now : entered;
    auto& account = time_[state_.load(relaxed)];

    std::uint32_t const sequence = sequence_.load(relaxed);
    sequence_.store(sequence + 1, relaxed);
    std::atomic_thread_fence(release);
    account.store(account.load(relaxed) + (left - entered), relaxed);
    entered_.store(left, relaxed);
    state_.store(state, relaxed);
    sequence_.store(sequence + 2, release);
}

xen::vcpu_runstate_info Runstate::at_last_change() const
{
    for (;;) {
        std::uint32_t const before = sequence_.load(acquire);
        xen::vcpu_runstate_info info{};
        info.state = state_.load(relaxed);
        info.state_entry_time = entered_.load(relaxed);
        for (unsigned state = 0; state < 4; ++state)
            info.time[state] = time_[state].load(relaxed);
        std::atomic_thread_fence(acquire);
        if (!(before & 1) && sequence_.load(relaxed) == before)
            return info;
        cpu::relax();
    }
}

xen::vcpu_runstate_info Runstate::at(Nanoseconds now) const
{
    xen::vcpu_runstate_info info = at_last_change();
    if (now > info.state_entry_time)
        info.time[info.state] += now - info.state_entry_time;
    return info;
}

} // namespace rf::time
