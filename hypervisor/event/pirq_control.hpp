// SPDX-License-Identifier: MIT
#pragma once
/// What this room needs of physical interrupts, per domain; the domain layer implements it over room dev/.

#include "base/result.hpp"
#include "base/types.hpp"

namespace rf::event {

enum class Sharing : std::uint8_t { exclusive, shareable };

/// All calls come with the domain's event_table lock held: an implementation may take interrupt_routing, and must not
/// wait for a handler that runs elsewhere (EventTable::pirq_fired ignores a number that is not bound any more).
class PirqControl {
public:
    /// Routes the interrupt to this domain. Errno::eperm (not the domain's), Errno::einval (no such interrupt),
    /// Errno::ebusy (taken without sharing).
    [[nodiscard]] virtual Status bind(std::uint32_t pirq, Sharing sharing) = 0;
    /// Undoes bind; the line is masked when nobody is left.
    virtual void unbind(std::uint32_t pirq) = 0;
    /// Advice: deliver near the processor that runs `vcpu`.
    virtual void set_affinity(std::uint32_t pirq, VcpuId vcpu) = 0;

protected:
    ~PirqControl() = default;
};

} // namespace rf::event
