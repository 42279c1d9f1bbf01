// SPDX-License-Identifier: MIT
#pragma once
/// The records that a guest finds at its start: start_info, the registers of vCPU 0, shared_info. Pure.

#include <cstdint>
#include <string_view>

#include "builder/guest_plan.hpp"
#include "xen/shared_info.h"
#include "xen/start_info.h"
#include "xen/trap.h"
#include "xen/types.hpp"

namespace rf::builder {

/// What start_info says beyond the plan.
struct StartFacts {
    std::uint64_t shared_info_frame = 0;   ///< machine frames
    std::uint64_t store_frame = 0;
    std::uint64_t console_frame = 0;
    xen::RemotePort store_port;            ///< ports of the guest
    xen::RemotePort console_port;
    std::uint64_t initrd_bytes = 0;
    std::string_view command_line;         ///< at most 1023 bytes
};

[[nodiscard]] ::xen::start_info make_start_info(const GuestPlan& plan, const StartFacts& facts);

/// vCPU 0 at the kernel's entry; `root_frame` is the machine frame of the top-level page table.
[[nodiscard]] ::xen::vcpu_guest_context make_first_context(const GuestPlan& plan, const dom0::KernelNotes& notes,
                                                           std::uint64_t root_frame);

/// All events masked on all vCPUs; the rest zero.
void initialise(::xen::shared_info& info);

}  // namespace rf::builder
