// SPDX-License-Identifier: MIT
/// What an operator asks for: the message ring, debug keys, the list of domains, the scheduler and its one pool of CPUs.
#include "base/budget.hpp"
#include "dev/console.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/sysctl.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"

#include <algorithm>
#include <array>

namespace rf::hypercall::sysctls {
namespace {

namespace console = dev::console;

constexpr std::uint32_t only_pool = 0;
/// Cost of describing one domain, in budget units.
constexpr std::uint32_t domain_cost = 64;

} // namespace

Result<Reply> readconsole(xen::xen_sysctl& op)
{
    xen::xen_sysctl_readconsole& request = op.u.readconsole;
    constexpr std::uint32_t most_bytes = 1u << 20; // more than any ring holds: a busy writer cannot keep us here
    std::uint32_t const capacity = std::min(request.count, most_bytes);
    std::array<char, 256> chunk;
    std::uint32_t total = 0;
    auto mode = request.incremental ? console::ReadMode::incremental : console::ReadMode::all;
    while (total < capacity) {
        std::size_t const wanted = std::min<std::size_t>(chunk.size(), capacity - total);
        std::size_t const got = console::read_ring(request.index, mode, {chunk.data(), wanted});
        if (got == 0)
            break;
        TRY(guest::copy_bytes_out(GuestVirtual{request.buffer.address + total}, chunk.data(), got));
        total += static_cast<std::uint32_t>(got);
        mode = console::ReadMode::incremental;
    }
    if (request.clear)
        console::clear_ring(request.index);
    request.count = total;
    return Reply::data;
}

Result<Reply> debug_keys(xen::xen_sysctl& op)
{
    xen::xen_sysctl_debug_keys const& request = op.u.debug_keys;
    constexpr std::uint32_t most_keys = 64;
    if (request.nr_keys > most_keys)
        return fail(Errno::e2big);
    std::array<char, most_keys> keys;
    TRY(guest::copy_bytes_in(keys.data(), GuestVirtual{request.keys.address}, request.nr_keys));
    for (std::uint32_t i = 0; i < request.nr_keys; ++i)
        console::press_key(keys[i]);
    return Reply::none;
}

Result<Reply> getdomaininfolist(xen::xen_sysctl& op)
{
    xen::xen_sysctl_getdomaininfolist& request = op.u.getdomaininfolist;
    // The mark holds the count of domains so far and, above, the id to go on with.
    ProgressMark<xen::xen_sysctl> progress{op};
    std::uint64_t const mark = progress.take();
    std::uint32_t count = static_cast<std::uint32_t>(mark & 0xffff'ffff);
    std::uint16_t next = mark ? static_cast<std::uint16_t>(mark >> 32) : request.first_domain;
    guest::Array<xen::xen_domctl_getdomaininfo> const list{request.buffer.address, request.max_domains};
    Budget budget{entries_per_segment};
    while (count < request.max_domains) {
        auto const domain = domain::find_from(DomainId{next});
        if (!domain)
            break;
        if (!budget.spend(domain_cost)) {
            progress.put(static_cast<std::uint64_t>((*domain)->id().value) << 32 | count);
            return Reply::unfinished;
        }
        TRY(list.put(count, describe(**domain)));
        ++count;
        next = static_cast<std::uint16_t>((*domain)->id().value + 1);
    }
    request.num_domains = count;
    return Reply::data;
}

Result<Reply> sched_id(xen::xen_sysctl& op)
{
    op.u.sched_id.sched_id = xen::XEN_SCHEDULER_CREDIT2;
    return Reply::data;
}

namespace {

[[nodiscard]] std::uint32_t count_domains()
{
    std::uint32_t count = 0;
    domain::for_each([&](domain::Domain&) { ++count; });
    return count;
}

} // namespace

Result<Reply> cpupool_op(xen::xen_sysctl& op)
{
    xen::xen_sysctl_cpupool_op& request = op.u.cpupool_op;
    switch (request.op) {
    case xen::XEN_SYSCTL_CPUPOOL_OP_INFO:
        if (request.cpupool_id != only_pool && request.cpupool_id != xen::XEN_SYSCTL_CPUPOOL_PAR_ANY)
            return fail(Errno::enoent);
        request.cpupool_id = only_pool;
        request.sched_id = xen::XEN_SCHEDULER_CREDIT2;
        request.n_dom = count_domains();
        TRY(write_bitmap(request.cpumap, sched::scheduler.online()));
        return Reply::data;
    case xen::XEN_SYSCTL_CPUPOOL_OP_FREEINFO: // every CPU is in the pool
        TRY(write_bitmap(request.cpumap, CpuMask{}));
        return Reply::data;
    case xen::XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        TRY(domain::find(DomainId{static_cast<std::uint16_t>(request.domid)}));
        if (request.cpupool_id != only_pool)
            return fail(Errno::enoent);
        return Reply::none;
    case xen::XEN_SYSCTL_CPUPOOL_OP_CREATE:
    case xen::XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case xen::XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
    case xen::XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return fail(Errno::eopnotsupp);
    default:
        return fail(Errno::enosys);
    }
}

Result<Reply> scheduler_op(xen::xen_sysctl& op)
{
    xen::xen_sysctl_scheduler_op& request = op.u.scheduler_op;
    if (request.cpupool_id != only_pool)
        return fail(Errno::esrch);
    if (request.sched_id != xen::XEN_SCHEDULER_CREDIT2)
        return fail(Errno::einval);
    std::uint32_t& limit = request.u.sched_credit2.ratelimit_us;
    switch (request.cmd) {
    case xen::XEN_SYSCTL_SCHEDOP_putinfo:
        TRY(sched::scheduler.set_rate_limit(limit * time::microsecond));
        return Reply::data;
    case xen::XEN_SYSCTL_SCHEDOP_getinfo:
        limit = static_cast<std::uint32_t>(sched::scheduler.rate_limit() / time::microsecond);
        return Reply::data;
    default:
        return fail(Errno::einval);
    }
}

} // namespace rf::hypercall::sysctls
