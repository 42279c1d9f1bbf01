// SPDX-License-Identifier: MIT
#pragma once
/// Parts of platform_op that concern physical processors.

#include "base/result.hpp"
#include "xen/platform.h"

namespace rf::hypercall {

[[nodiscard]] Status cpu_info(xen::xenpf_pcpuinfo& info);
[[nodiscard]] Status cpu_version(xen::xenpf_pcpu_version& version);
/// Idle time of each processor in the guest's bitmap. Errno::efault; Errno::einval (bitmap longer than any machine).
[[nodiscard]] Status idle_times(xen::xenpf_getidletime& request);
/// Power states that Dom0 read from ACPI: checked, named in the log, and not used yet: idle processors halt (C1), the
/// frequency is the firmware's. Errno::einval, Errno::efault, Errno::enosys (throttling).
[[nodiscard]] Status power_info(xen::xenpf_set_processor_pminfo const& info);

} // namespace rf::hypercall
