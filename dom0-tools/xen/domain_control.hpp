// SPDX-License-Identifier: MIT
#pragma once
/// Typed domctls: life, limits and state of one domain. Each call is one hypercall unless said otherwise; errors carry the
/// hypervisor's errno (ESRCH: no such domain; EACCES: the tools do not fit the hypervisor's interface version).
/// Large arguments travel through hypercall buffers; nothing is cached.

#include <cstdint>
#include <span>
#include <vector>

#include "xen/domctl.h"
#include "xen/privcmd.hpp"
#include "xen/trap.h"

namespace rf::xen {

/// A zeroed domctl of one command.
[[nodiscard]] inline ::xen::xen_domctl domctl_request(std::uint32_t command)
{
    ::xen::xen_domctl block{};
    block.cmd = command;
    return block;
}

class DomainControl {
public:
    explicit DomainControl(Privcmd& privcmd) : privcmd_(privcmd) {}

    /// Issues any domctl; fills in the interface version. `what` starts the error message.
    [[nodiscard]] Result<void> call(DomainId domain, ::xen::xen_domctl& request, const char* what);

    /// Creates an empty, paused domain. `wanted` 0 lets the hypervisor choose the number.
    [[nodiscard]] Result<DomainId> create(const ::xen::xen_domctl_createdomain& configuration, DomainId wanted = {});
    /// Destroys; goes on until the hypervisor is done. Pages that others still map keep it as a zombie.
    [[nodiscard]] Result<void> destroy(DomainId domain);
    [[nodiscard]] Result<void> pause(DomainId domain);
    [[nodiscard]] Result<void> unpause(DomainId domain);
    /// Clears a shutdown and lets the vCPUs run on.
    [[nodiscard]] Result<void> resume(DomainId domain);
    /// Exactly this domain; ESRCH if it does not exist (not the next one, as the raw call gives).
    [[nodiscard]] Result<::xen::xen_domctl_getdomaininfo> info(DomainId domain);
    [[nodiscard]] Result<void> set_handle(DomainId domain, std::span<const std::uint8_t, 16> uuid);

    [[nodiscard]] Result<void> set_max_memory(DomainId domain, std::uint64_t kib);
    [[nodiscard]] Result<void> set_max_vcpus(DomainId domain, std::uint32_t count);
    [[nodiscard]] Result<void> set_address_size(DomainId domain, std::uint32_t bits);
    [[nodiscard]] Result<std::uint32_t> address_size(DomainId domain);
    [[nodiscard]] Result<void> set_time_offset(DomainId domain, std::int64_t seconds);
    [[nodiscard]] Result<void> set_tsc(DomainId domain, const ::xen::xen_domctl_tsc_info& info);
    [[nodiscard]] Result<::xen::xen_domctl_tsc_info> tsc(DomainId domain);
    [[nodiscard]] Result<void> fill_hypercall_page(DomainId domain, Mfn frame);

    [[nodiscard]] Result<void> set_vcpu_context(DomainId domain, std::uint32_t vcpu, const ::xen::vcpu_guest_context& context);
    [[nodiscard]] Result<::xen::vcpu_guest_context> vcpu_context(DomainId domain, std::uint32_t vcpu);
    [[nodiscard]] Result<::xen::xen_domctl_getvcpuinfo> vcpu_info(DomainId domain, std::uint32_t vcpu);
    [[nodiscard]] Result<::xen::xen_domctl_ext_vcpucontext> extended_context(DomainId domain, std::uint32_t vcpu);
    [[nodiscard]] Result<void> set_extended_context(DomainId domain, const ::xen::xen_domctl_ext_vcpucontext& context);

    /// Extended processor state of a vCPU.
    struct ExtendedState {
        std::uint64_t feature_mask = 0;  ///< accumulated XCR0
        std::vector<std::byte> bytes;    ///< xcr0, xcr0_accum, XSAVE area
    };
    [[nodiscard]] Result<ExtendedState> extended_state(DomainId domain, std::uint32_t vcpu);
    [[nodiscard]] Result<void> set_extended_state(DomainId domain, std::uint32_t vcpu, const ExtendedState& state);
    [[nodiscard]] Result<std::vector<::xen::xen_domctl_vcpu_msr>> vcpu_msrs(DomainId domain, std::uint32_t vcpu);
    [[nodiscard]] Result<void> set_vcpu_msrs(DomainId domain, std::uint32_t vcpu,
                                             std::span<const ::xen::xen_domctl_vcpu_msr> registers);

    /// CPU sets a vCPU must (hard) or prefers to (soft) run on; bit n = CPU n.
    struct Affinity {
        std::vector<std::uint8_t> hard;
        std::vector<std::uint8_t> soft;
    };
    /// Sets the maps that are not empty; returns those in effect.
    [[nodiscard]] Result<Affinity> set_affinity(DomainId domain, std::uint32_t vcpu, const Affinity& affinity);
    [[nodiscard]] Result<Affinity> affinity(DomainId domain, std::uint32_t vcpu, std::uint32_t cpus);
    [[nodiscard]] Result<::xen::xen_domctl_sched_credit2> credit2(DomainId domain);
    [[nodiscard]] Result<void> set_credit2(DomainId domain, const ::xen::xen_domctl_sched_credit2& share);

    struct CpuPolicy {
        std::vector<::xen::xen_cpuid_leaf> leaves;
        std::vector<::xen::xen_msr_entry> msrs;
    };
    [[nodiscard]] Result<CpuPolicy> cpu_policy(DomainId domain, std::uint32_t max_leaves, std::uint32_t max_msrs);
    /// On refusal the message names the leaf or register at fault.
    [[nodiscard]] Result<void> set_cpu_policy(DomainId domain, const CpuPolicy& policy);

    /// Page-table type of each frame (XEN_DOMCTL_PFINFO_*), in place; at most 1024 at a time.
    [[nodiscard]] Result<void> page_types(DomainId domain, std::span<std::uint64_t> frames);
    /// A log-dirty step: `bitmap` takes one bit per page for CLEAN and PEEK and may be empty otherwise.
    [[nodiscard]] Result<::xen::xen_domctl_shadow_op> shadow(DomainId domain, std::uint32_t operation, std::uint32_t mode,
                                                             std::span<std::uint8_t> bitmap, std::uint64_t pages);

private:
    [[nodiscard]] Result<void> simple(DomainId domain, std::uint32_t command, const char* what);
    [[nodiscard]] Result<Affinity> affinity_call(DomainId domain, std::uint32_t command, std::uint32_t vcpu,
                                                 std::uint32_t flags, const Affinity& maps, const char* what);

    Privcmd& privcmd_;
};

}  // namespace rf::xen
