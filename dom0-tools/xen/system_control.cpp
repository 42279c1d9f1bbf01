// SPDX-License-Identifier: MIT
#include "xen/system_control.hpp"

#include <algorithm>
#include <cerrno>

#include "xen/numbers.h"
#include "xen/version.h"

namespace rf::xen {
namespace {

constexpr std::uint32_t console_bytes = 64 * 1024;
constexpr std::uint32_t domains_per_call = 256;

::xen::xen_sysctl request(std::uint32_t command)
{
    ::xen::xen_sysctl block{};
    block.cmd = command;
    return block;
}

}  // namespace

Result<void> SystemControl::call(::xen::xen_sysctl& block, const char* what)
{
    block.interface_version = ::xen::XEN_SYSCTL_INTERFACE_VERSION;
    if (auto done = privcmd_.hypercall_with(::xen::HYPERVISOR_sysctl, {}, 0, block, what); !done)
        return std::unexpected(done.error());
    return {};
}

Result<::xen::xen_sysctl_physinfo> SystemControl::physical_info()
{
    auto block = request(::xen::XEN_SYSCTL_physinfo);
    if (auto done = call(block, "cannot get information on the machine"); !done)
        return std::unexpected(done.error());
    return block.u.physinfo;
}

Result<std::vector<::xen::xen_domctl_getdomaininfo>> SystemControl::domains()
{
    using Info = ::xen::xen_domctl_getdomaininfo;
    auto buffer = privcmd_.buffer(domains_per_call * sizeof(Info));
    if (!buffer)
        return std::unexpected(buffer.error());
    std::vector<Info> all;
    for (;;) {
        auto block = request(::xen::XEN_SYSCTL_getdomaininfolist);
        const auto first = all.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(all.back().domain + 1);
        block.u.getdomaininfolist = {first, domains_per_call, {buffer->address()}, 0};
        if (auto done = call(block, "cannot list the domains"); !done)
            return std::unexpected(done.error());
        const auto found = std::min(block.u.getdomaininfolist.num_domains, domains_per_call);
        all.insert(all.end(), buffer->as<Info>(), buffer->as<Info>() + found);
        if (found < domains_per_call)
            return all;
    }
}

Result<std::uint32_t> SystemControl::scheduler()
{
    auto block = request(::xen::XEN_SYSCTL_sched_id);
    if (auto done = call(block, "cannot get the scheduler"); !done)
        return std::unexpected(done.error());
    return block.u.sched_id.sched_id;
}

Result<std::vector<::xen::xen_sysctl_cputopo>> SystemControl::cpu_topology()
{
    using Place = ::xen::xen_sysctl_cputopo;
    auto block = request(::xen::XEN_SYSCTL_cputopoinfo);
    if (auto done = call(block, "cannot count the processors"); !done)
        return std::unexpected(done.error());
    const std::uint32_t cpus = block.u.cputopoinfo.num_cpus;
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, cpus * sizeof(Place)));
    if (!buffer)
        return std::unexpected(buffer.error());
    block.u.cputopoinfo = {cpus, {buffer->address()}};
    if (auto done = call(block, "cannot get the processor topology"); !done)
        return std::unexpected(done.error());
    const auto* first = buffer->as<Place>();
    return std::vector<Place>(first, first + std::min(cpus, block.u.cputopoinfo.num_cpus));
}

Result<std::string> SystemControl::read_console(Console after)
{
    auto buffer = privcmd_.buffer(console_bytes);
    if (!buffer)
        return std::unexpected(buffer.error());
    auto block = request(::xen::XEN_SYSCTL_readconsole);
    block.u.readconsole.clear = after == Console::clear;
    block.u.readconsole.buffer.address = buffer->address();
    block.u.readconsole.count = console_bytes;
    if (auto done = call(block, "cannot read the hypervisor's console"); !done)
        return std::unexpected(done.error());
    return std::string(buffer->as<char>(), std::min(block.u.readconsole.count, console_bytes));
}

Result<std::string> SystemControl::follow_console(std::uint32_t& index)
{
    auto buffer = privcmd_.buffer(console_bytes);
    if (!buffer)
        return std::unexpected(buffer.error());
    auto block = request(::xen::XEN_SYSCTL_readconsole);
    block.u.readconsole.incremental = 1;
    block.u.readconsole.index = index;
    block.u.readconsole.buffer.address = buffer->address();
    block.u.readconsole.count = console_bytes;
    if (auto done = call(block, "cannot read the hypervisor's console"); !done)
        return std::unexpected(done.error());
    index = block.u.readconsole.index;
    return std::string(buffer->as<char>(), std::min(block.u.readconsole.count, console_bytes));
}

Result<void> SystemControl::debug_keys(std::string_view keys)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, keys.size()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(std::span(keys));
    auto block = request(::xen::XEN_SYSCTL_debug_keys);
    block.u.debug_keys = {{buffer->address()}, count(keys.size())};
    return call(block, "the hypervisor refuses the debug keys");
}

Result<SystemControl::CpuPolicy> SystemControl::cpu_policy(std::uint32_t index)
{
    auto block = request(::xen::XEN_SYSCTL_get_cpu_policy);
    block.u.cpu_policy.index = index;
    if (auto done = call(block, "cannot get the size of a CPU policy"); !done)
        return std::unexpected(done.error());
    const std::uint32_t max_leaves = block.u.cpu_policy.nr_leaves;
    const std::uint32_t max_msrs = block.u.cpu_policy.nr_msrs;
    auto leaves = privcmd_.buffer(std::max<std::size_t>(1, max_leaves * sizeof(::xen::xen_cpuid_leaf)));
    auto msrs = privcmd_.buffer(std::max<std::size_t>(1, max_msrs * sizeof(::xen::xen_msr_entry)));
    if (!leaves || !msrs)
        return std::unexpected(leaves ? msrs.error() : leaves.error());
    block.u.cpu_policy = {index, max_leaves, max_msrs, 0, {leaves->address()}, {msrs->address()}};
    if (auto done = call(block, "cannot get a CPU policy"); !done)
        return std::unexpected(done.error());
    CpuPolicy policy;
    const auto* leaf = leaves->as<::xen::xen_cpuid_leaf>();
    const auto* msr = msrs->as<::xen::xen_msr_entry>();
    policy.leaves.assign(leaf, leaf + std::min(max_leaves, block.u.cpu_policy.nr_leaves));
    policy.msrs.assign(msr, msr + std::min(max_msrs, block.u.cpu_policy.nr_msrs));
    return policy;
}

Result<std::vector<std::uint32_t>> SystemControl::cpu_features(std::uint32_t index)
{
    auto block = request(::xen::XEN_SYSCTL_get_cpu_featureset);
    block.u.cpu_featureset.index = index;
    if (auto done = call(block, "cannot get the size of a CPU feature set"); !done)
        return std::unexpected(done.error());
    const std::uint32_t words = block.u.cpu_featureset.nr_features;
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, words * sizeof(std::uint32_t)));
    if (!buffer)
        return std::unexpected(buffer.error());
    block.u.cpu_featureset = {index, words, {buffer->address()}};
    if (auto done = call(block, "cannot get a CPU feature set"); !done)
        return std::unexpected(done.error());
    const auto* first = buffer->as<std::uint32_t>();
    return std::vector<std::uint32_t>(first, first + std::min(words, block.u.cpu_featureset.nr_features));
}

Result<SystemControl::CpuPool> SystemControl::cpu_pool(std::uint32_t id, std::uint32_t cpus)
{
    const std::size_t bytes = (cpus + 7) / 8;
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, bytes));
    if (!buffer)
        return std::unexpected(buffer.error());
    auto block = request(::xen::XEN_SYSCTL_cpupool_op);
    block.u.cpupool_op.op = ::xen::XEN_SYSCTL_CPUPOOL_OP_INFO;
    block.u.cpupool_op.cpupool_id = id;
    block.u.cpupool_op.cpumap = {{buffer->address()}, cpus};
    if (auto done = call(block, "cannot get information on a CPU pool"); !done)
        return std::unexpected(done.error());
    const auto& pool = block.u.cpupool_op;
    const auto* first = buffer->as<std::uint8_t>();
    return CpuPool{pool.cpupool_id, pool.sched_id, pool.n_dom, {first, first + bytes}};
}

Result<std::uint32_t> SystemControl::version()
{
    auto result = privcmd_.hypercall(::xen::HYPERVISOR_xen_version, {::xen::XENVER_version}, "cannot get the hypervisor's version");
    if (!result)
        return std::unexpected(result.error());
    return static_cast<std::uint32_t>(*result);
}

Result<std::string> SystemControl::version_text(std::uint32_t command)
{
    auto buffer = privcmd_.buffer(page_size);
    if (!buffer)
        return std::unexpected(buffer.error());
    auto result = privcmd_.hypercall(::xen::HYPERVISOR_xen_version, {command, buffer->address()},
                                     "cannot get a version text of the hypervisor");
    if (!result)
        return std::unexpected(result.error());
    const char* text = buffer->as<char>();
    return std::string(text, strnlen(text, page_size));
}

}  // namespace rf::xen
