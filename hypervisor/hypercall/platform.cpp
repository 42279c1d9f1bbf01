// SPDX-License-Identifier: MIT
/// platform_op (public header platform.h): the control domain's hold on the machine. Argument: address of a
/// xen_platform_op, which is copied in once and, for operations that answer, copied out as a whole.
#include "dev/power.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/firmware_info.hpp"
#include "hypercall/handlers.hpp"
#include "hypercall/processor_info.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "xen/platform.h"

namespace rf::hypercall {
namespace {

Outcome answer(Call& call, xen::xen_platform_op const& operation, Status status)
{
    if (!status)
        return fail(status.error());
    return Outcome::of(guest::copy_out(call[0], operation));
}

/// Every domain reads the wall clock from its own shared page.
void publish_wallclock_everywhere()
{
    domain::for_each([](domain::Domain& domain) {
        if (xen::shared_info* const page = domain.shared_info())
            time::publish_wallclock(*page, domain.time_offset_seconds);
    });
}

Outcome set_time(std::uint64_t seconds, std::uint32_t nanoseconds, Nanoseconds system_time)
{
    time::set_wallclock(seconds, nanoseconds, system_time);
    publish_wallclock_everywhere();
    return Outcome::ok();
}

Outcome enter_sleep(xen::xenpf_enter_acpi_sleep const& request)
{
    if (request.sleep_state > 5 || request.flags & ~static_cast<std::uint32_t>(xen::XENPF_ACPI_SLEEP_EXTENDED))
        return fail(Errno::einval);
    dev::power::SleepRequest const sleep{.state = static_cast<std::uint8_t>(request.sleep_state),
                                         .extended = (request.flags & xen::XENPF_ACPI_SLEEP_EXTENDED) != 0,
                                         .value_a = request.val_a,
                                         .value_b = request.val_b};
    TRY(dev::power::check(sleep));
    dev::power::enter(sleep);
}

/// Bringing up what is up changes nothing; processors do not come and go.
Outcome bring_cpu_up(xen::xenpf_cpu_ol const& request)
{
    bool const online = request.cpuid < max_cpus && sched::scheduler.online().contains(request.cpuid);
    return online ? Outcome::ok() : Outcome{fail(Errno::eopnotsupp)};
}

Outcome accept_quirk(xen::xenpf_platform_quirk const& quirk)
{
    switch (quirk.quirk_id) {
    // We do not balance interrupts on our own, and select the register anew at each I/O APIC access.
    case xen::QUIRK_NOIRQBALANCING:
    case xen::QUIRK_IOAPIC_BAD_REGSEL:
    case xen::QUIRK_IOAPIC_GOOD_REGSEL: return Outcome::ok();
    default: return fail(Errno::einval);
    }
}

Outcome perform(Call& call, xen::xen_platform_op& operation)
{
    auto& u = operation.u;
    switch (operation.cmd) {
    case xen::XENPF_settime32: return set_time(u.settime32.secs, u.settime32.nsecs, u.settime32.system_time);
    case xen::XENPF_settime64:
        if (u.settime64.mbz != 0)
            return fail(Errno::einval);
        return set_time(u.settime64.secs, u.settime64.nsecs, u.settime64.system_time);
    case xen::XENPF_firmware_info: return answer(call, operation, firmware_info(u.firmware_info));
    case xen::XENPF_enter_acpi_sleep: return enter_sleep(u.enter_acpi_sleep);
    case xen::XENPF_getidletime: return answer(call, operation, idle_times(u.getidletime));
    case xen::XENPF_set_processor_pminfo: return Outcome::of(power_info(u.set_pminfo));
    case xen::XENPF_get_cpuinfo: return answer(call, operation, cpu_info(u.pcpu_info));
    case xen::XENPF_get_cpu_version: return answer(call, operation, cpu_version(u.pcpu_version));
    case xen::XENPF_platform_quirk: return accept_quirk(u.platform_quirk);
    case xen::XENPF_cpu_online: return bring_cpu_up(u.cpu_ol);
    case xen::XENPF_cpu_offline:
    case xen::XENPF_cpu_hotadd:
    case xen::XENPF_mem_hotadd: return fail(Errno::eopnotsupp);
    // Memory types, microcode, EFI services, frequencies, parking, MSRs and symbols: not offered.
    default: return fail(Errno::enosys);
    }
}

} // namespace

Outcome platform_op(Call& call)
{
    auto operation = TRY(guest::fetch<xen::xen_platform_op>(call[0]));
    if (operation.interface_version != xen::XENPF_INTERFACE_VERSION)
        return fail(Errno::eacces);
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    return perform(call, operation);
}

} // namespace rf::hypercall
