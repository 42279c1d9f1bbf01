// SPDX-License-Identifier: MIT
/// Processors and memory of the machine, which is one NUMA node to us.
#include "cpu/features.hpp"
#include "cpu/insn.hpp"
#include "cpu/local_apic.hpp"
#include "guest/access.hpp"
#include "hypercall/sysctl.hpp"
#include "mm/allocator.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

#include <algorithm>

namespace rf::hypercall::sysctls {
namespace {

/// How an APIC identifier divides into thread, core and socket: their widths in bits (Intel SDM volume 3, 8.9.3).
struct Division {
    unsigned thread_bits = 0;
    unsigned package_bits = 0; ///< threads and cores together
};

[[nodiscard]] Division division()
{
    constexpr std::uint32_t topology_leaf = 0xb;
    if (cpu::host().max_leaf < topology_leaf || cpu::cpuid(topology_leaf, 0).ebx == 0)
        return {}; // the processor does not say: every CPU counts as a socket
    unsigned const thread_bits = cpu::cpuid(topology_leaf, 0).eax & 31;
    unsigned const package_bits = cpu::cpuid(topology_leaf, 1).eax & 31;
    return {thread_bits, std::max(thread_bits, package_bits)};
}

[[nodiscard]] xen::xen_sysctl_cputopo place_of(CpuId cpu, Division const& parts)
{
    std::uint64_t const id = cpu::local_apic::id_of(cpu);
    std::uint64_t const in_package = id & ((1ull << parts.package_bits) - 1);
    return {static_cast<std::uint32_t>(in_package >> parts.thread_bits),
            static_cast<std::uint32_t>(id >> parts.package_bits), 0};
}

/// Threads in the first CPU's core, and cores in its socket, that are online.
struct Shape {
    std::uint32_t threads_per_core = 0;
    std::uint32_t cores_per_socket = 0;
};

[[nodiscard]] Shape shape()
{
    CpuMask const online = sched::scheduler.online();
    Division const parts = division();
    auto const first = place_of(online.lowest(), parts);
    std::uint32_t threads = 0, in_socket = 0;
    online.for_each([&](CpuId cpu) {
        auto const place = place_of(cpu, parts);
        in_socket += place.socket == first.socket;
        threads += place.socket == first.socket && place.core == first.core;
    });
    return {threads, in_socket / threads};
}

/// One past the highest CPU number online.
[[nodiscard]] std::uint32_t cpu_limit()
{
    return static_cast<std::uint32_t>(std::bit_width(sched::scheduler.online().bits()));
}

} // namespace

Result<Reply> physinfo(xen::xen_sysctl& op)
{
    xen::xen_sysctl_physinfo info{};
    Shape const cores = shape();
    info.threads_per_core = cores.threads_per_core;
    info.cores_per_socket = cores.cores_per_socket;
    info.nr_cpus = sched::scheduler.online().count();
    info.max_cpu_id = cpu_limit() - 1;
    info.nr_nodes = 1;
    info.cpu_khz = static_cast<std::uint32_t>(time::tsc_khz());
    info.capabilities = xen::XEN_SYSCTL_PHYSCAP_pv | xen::XEN_SYSCTL_PHYSCAP_gnttab_v1;
    info.total_pages = mm::allocator.total_frames();
    info.free_pages = mm::allocator.free_frames();
    info.outstanding_pages = mm::allocator.claimed_frames();
    info.max_mfn = mm::frames.limit().value - 1;
    pvcpu::FeatureSet const features = pvcpu::system_policy(pvcpu::PolicyKind::host).features();
    std::copy_n(features.begin(), std::size(info.hw_cap), info.hw_cap);
    op.u.physinfo = info;
    return Reply::data;
}

Result<Reply> getcpuinfo(xen::xen_sysctl& op)
{
    xen::xen_sysctl_getcpuinfo& request = op.u.getcpuinfo;
    std::uint32_t const count = std::min(request.max_cpus, cpu_limit());
    guest::Array<xen::xen_sysctl_cpuinfo> const list{request.info.address, count};
    Nanoseconds const now = time::now();
    for (CpuId cpu = 0; cpu < count; ++cpu)
        TRY(list.put(cpu, {sched::scheduler.idle_time(cpu, now)}));
    request.nr_cpus = count;
    return Reply::data;
}

Result<Reply> availheap(xen::xen_sysctl& op)
{
    xen::xen_sysctl_availheap& request = op.u.availheap;
    if (request.node > 0 || request.node < -1)
        return fail(Errno::einval);
    if (request.min_bitwidth || request.max_bitwidth)
        return fail(Errno::eopnotsupp); // free memory is not counted by address
    request.avail_bytes = mm::allocator.free_frames() * page_size;
    return Reply::data;
}

Result<Reply> cputopoinfo(xen::xen_sysctl& op)
{
    xen::xen_sysctl_cputopoinfo& request = op.u.cputopoinfo;
    std::uint32_t const limit = cpu_limit();
    if (request.cputopo.address) {
        std::uint32_t const count = std::min(request.num_cpus, limit);
        guest::Array<xen::xen_sysctl_cputopo> const list{request.cputopo.address, count};
        Division const parts = division();
        constexpr xen::xen_sysctl_cputopo absent{xen::XEN_INVALID_CORE_ID, xen::XEN_INVALID_SOCKET_ID,
                                                 xen::XEN_INVALID_NODE_ID};
        for (CpuId cpu = 0; cpu < count; ++cpu)
            TRY(list.put(cpu, sched::scheduler.online().contains(cpu) ? place_of(cpu, parts) : absent));
        request.num_cpus = count;
    } else {
        request.num_cpus = limit;
    }
    return Reply::data;
}

Result<Reply> numainfo(xen::xen_sysctl& op)
{
    xen::xen_sysctl_numainfo& request = op.u.numainfo;
    constexpr std::uint32_t local_distance = 10;
    bool const only_asks = !request.meminfo.address && !request.distance.address;
    if (!only_asks && request.num_nodes) {
        xen::xen_sysctl_meminfo const memory{mm::allocator.total_frames() * page_size,
                                             mm::allocator.free_frames() * page_size};
        if (request.meminfo.address)
            TRY(guest::copy_out(request.meminfo.address, memory));
        if (request.distance.address)
            TRY(guest::copy_out(request.distance.address, local_distance));
    }
    request.num_nodes = only_asks ? 1 : std::min(request.num_nodes, 1u);
    return Reply::data;
}

Result<Reply> pcitopoinfo(xen::xen_sysctl& op)
{
    xen::xen_sysctl_pcitopoinfo& request = op.u.pcitopoinfo;
    // The caller goes on after what was done: num_devs tells how many that were.
    constexpr std::uint32_t most_at_once = 256;
    std::uint32_t const count = std::min(request.num_devs, most_at_once);
    guest::Array<std::uint32_t> const nodes{request.nodes.address, count};
    for (std::uint32_t i = 0; i < count; ++i)
        TRY(nodes.put(i, xen::XEN_INVALID_NODE_ID));
    request.num_devs = count;
    return Reply::data;
}

} // namespace rf::hypercall::sysctls
