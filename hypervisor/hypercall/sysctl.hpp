// SPDX-License-Identifier: MIT
#pragma once
/// The operations of sysctl (public header sysctl.h). Each gets the copied-in structure and may change it.

#include "hypercall/control.hpp"
#include "xen/sysctl.h"

namespace rf::hypercall::sysctls {

using Operation = Result<Reply> (*)(xen::xen_sysctl&);

// sysctl_machine.cpp: processors and memory
[[nodiscard]] Result<Reply> physinfo(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> getcpuinfo(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> availheap(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> cputopoinfo(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> numainfo(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> pcitopoinfo(xen::xen_sysctl& op);

// sysctl_operator.cpp: what an operator asks for
[[nodiscard]] Result<Reply> readconsole(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> debug_keys(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> getdomaininfolist(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> sched_id(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> cpupool_op(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> scheduler_op(xen::xen_sysctl& op);

// sysctl_cpuid.cpp: what processors can do, for toolstacks that compose a domain's view of them
[[nodiscard]] Result<Reply> levelling_caps(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> cpu_featureset(xen::xen_sysctl& op);
[[nodiscard]] Result<Reply> cpu_policy(xen::xen_sysctl& op);

} // namespace rf::hypercall::sysctls
