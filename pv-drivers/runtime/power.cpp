// SPDX-License-Identifier: MIT
#include "power.hpp"

#include "console.hpp"
#include "hypercall.hpp"

namespace rf::runtime {

void shutdown(xen::shutdown_reason reason)
{
    console.flush();
    shutdown_now(reason);
}

void shutdown_now(xen::shutdown_reason reason)
{
    xen::sched_shutdown request{reason};
    // the hypervisor may let a paused domain go on for a moment; it must find nothing to do
    for (;;)
        hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_shutdown, &request);
}

void panic(std::string_view what, Error why)
{
    print("panic: ", what, ": error ", why.number, "\n");
    shutdown(xen::SHUTDOWN_crash);
}

}  // namespace rf::runtime
