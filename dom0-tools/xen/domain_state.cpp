// SPDX-License-Identifier: MIT
/// The part of DomainControl that moves a domain's register state, CPU policy and page types in and out.
#include <algorithm>
#include <cstdio>

#include "xen/domain_control.hpp"

namespace rf::xen {
Result<void> DomainControl::set_vcpu_context(DomainId domain, std::uint32_t vcpu, const ::xen::vcpu_guest_context& context)
{
    auto buffer = privcmd_.buffer(sizeof context);
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(std::span(&context, 1));
    auto block = domctl_request(::xen::XEN_DOMCTL_setvcpucontext);
    block.u.vcpucontext = {vcpu, {buffer->address()}};
    return call(domain, block, "cannot set the registers of a vCPU");
}

Result<::xen::vcpu_guest_context> DomainControl::vcpu_context(DomainId domain, std::uint32_t vcpu)
{
    auto buffer = privcmd_.buffer(sizeof(::xen::vcpu_guest_context));
    if (!buffer)
        return std::unexpected(buffer.error());
    auto block = domctl_request(::xen::XEN_DOMCTL_getvcpucontext);
    block.u.vcpucontext = {vcpu, {buffer->address()}};
    if (auto done = call(domain, block, "cannot get the registers of a vCPU"); !done)
        return std::unexpected(done.error());
    return *buffer->as<::xen::vcpu_guest_context>();
}

Result<::xen::xen_domctl_getvcpuinfo> DomainControl::vcpu_info(DomainId domain, std::uint32_t vcpu)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_getvcpuinfo);
    block.u.getvcpuinfo.vcpu = vcpu;
    if (auto done = call(domain, block, "cannot get information on a vCPU"); !done)
        return std::unexpected(done.error());
    return block.u.getvcpuinfo;
}

Result<::xen::xen_domctl_ext_vcpucontext> DomainControl::extended_context(DomainId domain, std::uint32_t vcpu)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_get_ext_vcpucontext);
    block.u.ext_vcpucontext.vcpu = vcpu;
    if (auto done = call(domain, block, "cannot get the extended context of a vCPU"); !done)
        return std::unexpected(done.error());
    return block.u.ext_vcpucontext;
}

Result<void> DomainControl::set_extended_context(DomainId domain, const ::xen::xen_domctl_ext_vcpucontext& context)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_set_ext_vcpucontext);
    block.u.ext_vcpucontext = context;
    return call(domain, block, "cannot set the extended context of a vCPU");
}

Result<DomainControl::ExtendedState> DomainControl::extended_state(DomainId domain, std::uint32_t vcpu)
{
    // Two calls: the first learns the size.
    auto block = domctl_request(::xen::XEN_DOMCTL_getvcpuextstate);
    block.u.vcpuextstate.vcpu = vcpu;
    if (auto done = call(domain, block, "cannot get the size of a vCPU's extended state"); !done)
        return std::unexpected(done.error());
    ExtendedState state;
    state.feature_mask = block.u.vcpuextstate.xfeature_mask;
    if (block.u.vcpuextstate.size == 0)
        return state;
    auto buffer = privcmd_.buffer(block.u.vcpuextstate.size);
    if (!buffer)
        return std::unexpected(buffer.error());
    const std::uint64_t size = block.u.vcpuextstate.size;
    block.u.vcpuextstate.buffer.address = buffer->address();
    if (auto done = call(domain, block, "cannot get the extended state of a vCPU"); !done)
        return std::unexpected(done.error());
    state.bytes.assign(buffer->data(), buffer->data() + std::min(size, std::uint64_t{buffer->size()}));
    return state;
}

Result<void> DomainControl::set_extended_state(DomainId domain, std::uint32_t vcpu, const ExtendedState& state)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, state.bytes.size()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(std::span(state.bytes));
    auto block = domctl_request(::xen::XEN_DOMCTL_setvcpuextstate);
    block.u.vcpuextstate = {vcpu, state.feature_mask, state.bytes.size(), {buffer->address()}};
    return call(domain, block, "cannot set the extended state of a vCPU");
}

Result<std::vector<::xen::xen_domctl_vcpu_msr>> DomainControl::vcpu_msrs(DomainId domain, std::uint32_t vcpu)
{
    auto block = domctl_request(::xen::XEN_DOMCTL_get_vcpu_msrs);
    block.u.vcpu_msrs.vcpu = vcpu;
    if (auto done = call(domain, block, "cannot count the model-specific registers of a vCPU"); !done)
        return std::unexpected(done.error());
    std::vector<::xen::xen_domctl_vcpu_msr> registers(block.u.vcpu_msrs.msr_count);
    if (registers.empty())
        return registers;
    auto buffer = privcmd_.buffer(registers.size() * sizeof registers[0]);
    if (!buffer)
        return std::unexpected(buffer.error());
    block.u.vcpu_msrs.msrs.address = buffer->address();
    if (auto done = call(domain, block, "cannot get the model-specific registers of a vCPU"); !done)
        return std::unexpected(done.error());
    // The second call says how many it really filled: registers with value 0 are left out.
    registers.resize(std::min<std::size_t>(registers.size(), block.u.vcpu_msrs.msr_count));
    const auto* first = buffer->as<::xen::xen_domctl_vcpu_msr>();
    std::copy_n(first, registers.size(), registers.begin());
    return registers;
}

Result<void> DomainControl::set_vcpu_msrs(DomainId domain, std::uint32_t vcpu,
                                          std::span<const ::xen::xen_domctl_vcpu_msr> registers)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, registers.size_bytes()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(registers);
    auto block = domctl_request(::xen::XEN_DOMCTL_set_vcpu_msrs);
    block.u.vcpu_msrs = {vcpu, count(registers.size()), {buffer->address()}};
    return call(domain, block, "cannot set the model-specific registers of a vCPU");
}

Result<DomainControl::CpuPolicy> DomainControl::cpu_policy(DomainId domain, std::uint32_t max_leaves, std::uint32_t max_msrs)
{
    auto leaves = privcmd_.buffer(std::max<std::size_t>(1, max_leaves * sizeof(::xen::xen_cpuid_leaf)));
    auto msrs = privcmd_.buffer(std::max<std::size_t>(1, max_msrs * sizeof(::xen::xen_msr_entry)));
    if (!leaves || !msrs)
        return std::unexpected(leaves ? msrs.error() : leaves.error());
    auto block = domctl_request(::xen::XEN_DOMCTL_get_cpu_policy);
    block.u.cpu_policy = {max_leaves, max_msrs, {leaves->address()}, {msrs->address()}, 0, 0, 0};
    if (auto done = call(domain, block, "cannot get the CPU policy"); !done)
        return std::unexpected(done.error());
    CpuPolicy policy;
    const auto* leaf = leaves->as<::xen::xen_cpuid_leaf>();
    const auto* msr = msrs->as<::xen::xen_msr_entry>();
    policy.leaves.assign(leaf, leaf + std::min(max_leaves, block.u.cpu_policy.nr_leaves));
    policy.msrs.assign(msr, msr + std::min(max_msrs, block.u.cpu_policy.nr_msrs));
    return policy;
}

Result<void> DomainControl::set_cpu_policy(DomainId domain, const CpuPolicy& policy)
{
    auto leaves = privcmd_.buffer(std::max<std::size_t>(1, policy.leaves.size() * sizeof(::xen::xen_cpuid_leaf)));
    auto msrs = privcmd_.buffer(std::max<std::size_t>(1, policy.msrs.size() * sizeof(::xen::xen_msr_entry)));
    if (!leaves || !msrs)
        return std::unexpected(leaves ? msrs.error() : leaves.error());
    leaves->fill(std::span(policy.leaves));
    msrs->fill(std::span(policy.msrs));
    auto block = domctl_request(::xen::XEN_DOMCTL_set_cpu_policy);
    block.u.cpu_policy = {count(policy.leaves.size()), count(policy.msrs.size()), {leaves->address()},
                          {msrs->address()}, ~0u, ~0u, ~0u};
    auto done = call(domain, block, "the hypervisor refuses the CPU policy");
    if (done)
        return done;
    char place[96] = "";
    const auto& refused = block.u.cpu_policy;
    if (refused.err_leaf != ~0u)
        std::snprintf(place, sizeof place, ", CPUID leaf %#x subleaf %#x", refused.err_leaf, refused.err_subleaf);
    else if (refused.err_msr != ~0u)
        std::snprintf(place, sizeof place, ", register %#x", refused.err_msr);
    return failure(done.error().code, done.error().message + place);
}

Result<void> DomainControl::page_types(DomainId domain, std::span<std::uint64_t> frames)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, frames.size_bytes()));
    if (!buffer)
        return std::unexpected(buffer.error());
    buffer->fill(std::span<const std::uint64_t>(frames));
    auto block = domctl_request(::xen::XEN_DOMCTL_getpageframeinfo3);
    block.u.getpageframeinfo3 = {frames.size(), {buffer->address()}};
    if (auto done = call(domain, block, "cannot get page types"); !done)
        return done;
    std::copy_n(buffer->as<std::uint64_t>(), frames.size(), frames.begin());
    return {};
}

Result<::xen::xen_domctl_shadow_op> DomainControl::shadow(DomainId domain, std::uint32_t operation, std::uint32_t mode,
                                                          std::span<std::uint8_t> bitmap, std::uint64_t pages)
{
    auto buffer = privcmd_.buffer(std::max<std::size_t>(1, bitmap.size()));
    if (!buffer)
        return std::unexpected(buffer.error());
    auto block = domctl_request(::xen::XEN_DOMCTL_shadow_op);
    block.u.shadow_op.op = operation;
    block.u.shadow_op.mode = mode;
    block.u.shadow_op.pages = pages;
    block.u.shadow_op.dirty_bitmap.address = bitmap.empty() ? 0 : buffer->address();
    if (auto done = call(domain, block, "cannot use the log of dirty pages"); !done)
        return std::unexpected(done.error());
    std::copy_n(buffer->as<std::uint8_t>(), bitmap.size(), bitmap.begin());
    return block.u.shadow_op;
}

}  // namespace rf::xen
