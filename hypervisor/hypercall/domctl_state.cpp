// SPDX-License-Identifier: MIT
/// domctl: extended registers, model-specific registers, and what CPUID tells a domain.
#include "cpu/features.hpp"
#include "guest/access.hpp"
#include "hypercall/domctl.hpp"
#include "hypercall/policy_transfer.hpp"

#include <algorithm>

namespace rf::hypercall::domctls {
namespace {

/// What precedes the XSAVE area in the toolstack's buffer: XCR0, and the components that were ever switched on.
struct ExtendedHeader {
    std::uint64_t xcr0;
    std::uint64_t accumulated;
};

/// Components that may be in an image made here; 0 when there are no images, because the processor has no XSAVE.
[[nodiscard]] std::uint64_t image_components() { return cpu::host().xsave ? cpu::supported_xcr0() : 0; }

[[nodiscard]] std::uint64_t image_size(std::uint64_t components)
{
    return sizeof(ExtendedHeader) + (components ? cpu::xstate_size(components) : 0);
}

/// Replaces the extended registers of a stopped vCPU; on failure it has what it had.
[[nodiscard]] Status load_extended(cpu::ExtendedState& state, ExtendedHeader const& header,
                                   std::span<std::byte const> image)
{
    std::uint64_t const old = state.xcr0();
    if (header.xcr0 & ~header.accumulated || header.accumulated & ~image_components())
        return fail(Errno::einval);
    TRY(state.set_xcr0(header.xcr0));
    if (Status loaded = image.empty() ? Status{} : state.write_image(image); !loaded) {
        (void)state.set_xcr0(old); // was accepted before
        return loaded;
    }
    return {};
}

} // namespace

Result<Reply> getvcpuextstate(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpuextstate& request = op.u.vcpuextstate;
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    std::uint64_t const components = image_components();
    std::uint64_t const size = image_size(components);
    if (request.size == 0) {
        request.size = size;
        request.xfeature_mask = components;
        return Reply::data;
    }
    if (request.size != size || request.xfeature_mask != components)
        return fail(Errno::einval);
    auto const copy = TRY(mm::Array<std::byte>::make(size));
    {
        StoppedVcpu const stopped{vcpu};
        ExtendedHeader const header{components ? vcpu.xstate.xcr0() : 0, components};
        std::memcpy(copy.data(), &header, sizeof header);
        if (components)
            std::ranges::copy(vcpu.xstate.image().first(size - sizeof header), copy.data() + sizeof header);
    }
    TRY(guest::copy_bytes_out(GuestVirtual{request.buffer.address}, copy.data(), size));
    return Reply::data;
}

Result<Reply> setvcpuextstate(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpuextstate const& request = op.u.vcpuextstate;
    domain::Vcpu& vcpu = *TRY(find_vcpu(domain, request.vcpu));
    constexpr std::uint64_t largest = 2 * page_size; // more than any processor's area without AMX
    if (request.size < sizeof(ExtendedHeader) || request.size > largest)
        return fail(Errno::einval);
    auto const copy = TRY(mm::Array<std::byte>::make(request.size));
    TRY(guest::copy_bytes_in(copy.data(), GuestVirtual{request.buffer.address}, request.size));
    ExtendedHeader header;
    std::memcpy(&header, copy.data(), sizeof header);
    std::span<std::byte const> const image{copy.data() + sizeof header, request.size - sizeof header};
    if (header.accumulated == 0) // of a machine without XSAVE, or never used: the legacy part is in the context
        return image.empty() ? Result<Reply>{Reply::none} : fail(Errno::einval);
    StoppedVcpu const stopped{vcpu};
    TRY(load_extended(vcpu.xstate, header, image));
    return Reply::none;
}

Result<Reply> get_vcpu_msrs(Domain& domain, xen::xen_domctl& op)
{
    TRY(find_vcpu(domain, op.u.vcpu_msrs.vcpu));
    op.u.vcpu_msrs.msr_count = 0; // guests have no registers of this kind that could differ from zero
    return Reply::data;
}

namespace {

[[nodiscard]] bool is_known_register(std::uint32_t index)
{
    constexpr std::uint32_t known[] = {
        0x48,                                           // speculation control
        0x140,                                          // CPUID faulting
        0xc000'0103,                                    // TSC_AUX
        0xc001'1019, 0xc001'101a, 0xc001'101b, 0xc001'1027, // AMD's breakpoint address masks
    };
    return std::ranges::find(known, index) != std::end(known);
}

} // namespace

Result<Reply> set_vcpu_msrs(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_vcpu_msrs const& request = op.u.vcpu_msrs;
    TRY(find_vcpu(domain, request.vcpu));
    constexpr std::uint32_t most = 64;
    if (request.msr_count > most)
        return fail(Errno::einval);
    guest::Array<xen::xen_domctl_vcpu_msr> const list{request.msrs.address, request.msr_count};
    for (std::uint32_t i = 0; i < request.msr_count; ++i) {
        auto const entry = TRY(list.at(i));
        // A value that we cannot give the guest back is an error, not a loss that it finds out later.
        if (entry.reserved || entry.value || !is_known_register(entry.index))
            return fail(Errno::einval);
    }
    return Reply::none;
}

Result<Reply> get_cpu_policy(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_cpu_policy& request = op.u.cpu_policy;
    auto const copy = TRY(mm::Box<pvcpu::CpuidPolicy>::make());
    {
        LockGuard guard(domain.control_lock);
        *copy = domain.cpuid_policy();
    }
    PolicyBuffers buffers{request.leaves.address, request.msrs.address, request.nr_leaves, request.nr_msrs};
    TRY(write_policy(*copy, buffers));
    request.nr_leaves = buffers.leaf_count;
    request.nr_msrs = buffers.register_count;
    return Reply::data;
}

Result<Reply> set_cpu_policy(Domain& domain, xen::xen_domctl& op)
{
    auto fresh = TRY(mm::Box<pvcpu::CpuidPolicy>::make_for(domain.memory.structures));
    {
        LockGuard guard(domain.control_lock);
        *fresh = domain.cpuid_policy();
    }
    TRY(read_policy(*fresh, op.u.cpu_policy));
    PausedDomain const paused{domain}; // its vCPUs look at the policy without a lock
    LockGuard guard(domain.control_lock);
    domain.set_cpuid_policy(std::move(fresh));
    return Reply::data;
}

} // namespace rf::hypercall::domctls
