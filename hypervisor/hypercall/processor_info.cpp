// SPDX-License-Identifier: MIT
#include "hypercall/processor_info.hpp"

#include "base/log.hpp"
#include "cpu/features.hpp"
#include "cpu/local_apic.hpp"
#include "dev/acpi.hpp"
#include "guest/access.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

#include <algorithm>
#include <bit>

namespace rf::hypercall {
namespace {

CpuId highest_online() { return static_cast<CpuId>(63 - std::countl_zero(sched::scheduler.online().bits() | 1)); }

std::uint32_t acpi_id_of(std::uint32_t apic_id)
{
    for (auto const& processor : dev::machine_tables.processors)
        if (processor.apic_id == apic_id)
            return processor.processor_uid;
    return ~0u;
}

bool knows_acpi_id(std::uint32_t acpi_id)
{
    return std::ranges::any_of(dev::machine_tables.processors,
                               [&](auto const& processor) { return processor.processor_uid == acpi_id; });
}

Status idle_states(std::uint32_t id, xen::xen_processor_power const& power)
{
    constexpr std::uint32_t most_states = 32;
    if (power.count > most_states)
        return fail(Errno::einval);
    guest::Array<xen::xen_processor_cx> const states(power.states.address, power.count);
    for (std::uint32_t i = 0; i < power.count; ++i) {
        auto const state = TRY(states.at(i));
        log::debug("power: ACPI processor ", id, " has C", state.type, ", latency ", state.latency, " us");
    }
    return {};
}

Status performance_states(std::uint32_t id, xen::xen_processor_performance const& performance)
{
    constexpr std::uint32_t most_states = 256;
    if (!(performance.flags & xen::XEN_PX_PSS))
        return {};
    if (performance.state_count == 0 || performance.state_count > most_states)
        return fail(Errno::einval);
    guest::Array<xen::xen_processor_px> const states(performance.states.address, performance.state_count);
    auto const fastest = TRY(states.at(0));
    auto const slowest = TRY(states.at(performance.state_count - 1));
    log::debug("power: ACPI processor ", id, " runs at ", slowest.core_frequency, "..", fastest.core_frequency, " MHz in ",
               performance.state_count, " steps");
    return {};
}

/// _PDC: revision, count, capability bits. We offer what halting needs and nothing else.
Status power_capabilities(std::uint64_t address)
{
    constexpr std::uint32_t c1_halt = 1u << 1;
    guest::Array<std::uint32_t> const words(address, 3);
    auto const revision = TRY(words.at(0));
    auto const count = TRY(words.at(1));
    if (revision != 1 || count == 0)
        return fail(Errno::einval);
    return words.put(2, TRY(words.at(2)) & c1_halt);
}

} // namespace

Status cpu_info(xen::xenpf_pcpuinfo& info)
{
    info.max_present = highest_online();
    info.flags = xen::XEN_PCPU_FLAGS_INVALID;
    info.apic_id = info.acpi_id = ~0u;
    if (info.xen_cpuid < max_cpus && sched::scheduler.online().contains(info.xen_cpuid)) {
        info.flags = xen::XEN_PCPU_FLAGS_ONLINE;
        info.apic_id = cpu::local_apic::id_of(info.xen_cpuid);
        info.acpi_id = acpi_id_of(info.apic_id);
    }
    return {};
}

Status cpu_version(xen::xenpf_pcpu_version& version)
{
    bool const online = version.xen_cpuid < max_cpus && sched::scheduler.online().contains(version.xen_cpuid);
    cpu::Features const& host = cpu::host(); // all processors are alike
    version.max_present = highest_online();
    for (std::size_t i = 0; i < sizeof version.vendor_id; ++i)
        version.vendor_id[i] = online ? host.vendor_text[i] : '\0';
    version.family = online ? host.family : 0;
    version.model = online ? host.model : 0;
    version.stepping = online ? host.stepping : 0;
    return {};
}

Status idle_times(xen::xenpf_getidletime& request)
{
    constexpr std::uint32_t most_bits = 65536;
    if (request.cpumap_nr_cpus > most_bits)
        return fail(Errno::einval);
    std::uint32_t const bits = std::min<std::uint32_t>(request.cpumap_nr_cpus, max_cpus);
    std::uint32_t const bytes = (bits + 7) / 8;
    std::uint64_t word = 0;
    TRY(guest::copy_bytes_in(&word, GuestVirtual{request.cpumap_bitmap.address}, bytes));
    CpuMask const known = CpuMask{word} & CpuMask::first(bits) & sched::scheduler.online();
    guest::Array<std::uint64_t> const answers(request.idletime.address, bits);
    Nanoseconds const now = time::now();
    for (CpuId cpu = 0; cpu < bits; ++cpu)
        if (known.contains(cpu))
            TRY(answers.put(cpu, sched::scheduler.idle_time(cpu, now)));
    std::uint64_t const reported = known.bits();
    TRY(guest::copy_bytes_out(GuestVirtual{request.cpumap_bitmap.address}, &reported, bytes));
    request.now = now;
    return {};
}

Status power_info(xen::xenpf_set_processor_pminfo const& info)
{
    if (info.type == xen::XEN_PM_PDC)
        return power_capabilities(info.u.pdc.address);
    if (!knows_acpi_id(info.id))
        return fail(Errno::einval);
    switch (info.type) {
    case xen::XEN_PM_CX: return idle_states(info.id, info.u.power);
    case xen::XEN_PM_PX: return performance_states(info.id, info.u.perf);
    case xen::XEN_PM_TX: return fail(Errno::enosys);
    default: return fail(Errno::einval);
    }
}

} // namespace rf::hypercall
