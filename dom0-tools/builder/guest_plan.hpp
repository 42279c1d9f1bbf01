// SPDX-License-Identifier: MIT
#pragma once
/// Where everything of a guest goes. As for the first domain (hypervisor/dom0/plan), with two more pages behind the kernel:
///
///     VIRT_BASE .. | kernel | store ring | console ring | [initrd] | [p2m] | start_info | page tables | boot stack | padding |
///     behind the window, in frames but not in addresses: [initrd] [p2m] [the p2m's page tables]
///
/// Pure.

#include "builder/failure.hpp"
#include "dom0/plan.hpp"

namespace rf::builder {

struct GuestPlan {
    dom0::Plan places;
    Pfn store_ring;
    Pfn console_ring;

    /// The part of the window that is written: from the kernel's first frame to the boot stack's last.
    [[nodiscard]] dom0::PfnRange written() const
    {
        return {places.kernel.first, places.stack.end() - places.kernel.first};
    }
    /// What is written behind the window; may be empty.
    [[nodiscard]] dom0::PfnRange behind() const
    {
        const Pfn first = Pfn{0} + places.window.count;
        return {first, places.pages_needed - places.window.count};
    }
};

/// A plan for this kernel in `pages` frames of memory. Refuses what does not fit; the message says how much is needed.
[[nodiscard]] Result<GuestPlan> make_guest_plan(const dom0::KernelNotes& notes, std::uint64_t initrd_bytes, std::uint64_t pages);

}  // namespace rf::builder
