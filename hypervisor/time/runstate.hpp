// SPDX-License-Identifier: MIT
#pragma once
/// How a vCPU spends its time: the accounting behind vcpu_runstate_info (public header vcpu.h).

#include "base/atomic.hpp"
#include "base/types.hpp"
#include "xen/vcpu.h"

namespace rf::time {

/// Writers are serialised by the owner (the scheduler's run queue lock); readers on any CPU take a consistent snapshot.
class Runstate {
public:
    /// Enters `state` at `now`; the time since the last change is added to the state that is left. No change of state
    /// brings the account up to date. Time that seems to run backwards counts as none.
    void change(xen::runstate state, Nanoseconds now);
    /// The account up to the last change, as the guest's area shows it.
    [[nodiscard]] xen::vcpu_runstate_info at_last_change() const;
    /// The account including the time from the last change to `now` (VCPUOP_get_runstate_info, statistics).
    [[nodiscard]] xen::vcpu_runstate_info at(Nanoseconds now) const;
    [[nodiscard]] xen::runstate state() const { return static_cast<xen::runstate>(state_.load(relaxed)); }

private:
    Atomic<std::uint32_t> sequence_{0}; ///< odd during a change
    Atomic<std::int32_t> state_{xen::RUNSTATE_offline};
    Atomic<Nanoseconds> entered_{0};
    Atomic<Nanoseconds> time_[4]{};
};

} // namespace rf::time
