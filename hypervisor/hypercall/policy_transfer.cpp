// SPDX-License-Identifier: MIT
#include "hypercall/policy_transfer.hpp"

#include "guest/access.hpp"
#include "mm/heap.hpp"

#include <array>

namespace rf::hypercall {
namespace {

using pvcpu::CpuidLeaf;

constexpr std::uint32_t platform_info = 0xce, arch_capabilities = 0x10a;
/// Platform information: the guest may ask for CPUID to fault. We do not offer it, and who restores a guest that had it
/// gets away without: the guest's attempt to use it fails.
constexpr std::uint64_t cpuid_faulting = 1ull << 31;

/// The registers that a policy has. Guests here see neither, so they are zero.
constexpr std::array<xen::xen_msr_entry, 2> registers{{{platform_info, 0, 0}, {arch_capabilities, 0, 0}}};

[[nodiscard]] Status check_register(xen::xen_msr_entry const& entry)
{
    if (entry.flags || (entry.idx != platform_info && entry.idx != arch_capabilities))
        return fail(Errno::einval);
    std::uint64_t const harmless = entry.idx == platform_info ? cpuid_faulting : 0;
    return entry.val & ~harmless ? Status{fail(Errno::einval)} : Status{};
}

[[nodiscard]] Status check_registers(xen::xen_domctl_cpu_policy& request)
{
    guest::Array<xen::xen_msr_entry> const list{request.msrs.address, request.nr_msrs};
    for (std::uint32_t i = 0; i < request.nr_msrs; ++i) {
        auto const entry = TRY(list.at(i));
        if (Status checked = check_register(entry); !checked) {
            request.err_msr = entry.idx;
            return checked;
        }
    }
    return {};
}

} // namespace

Status write_policy(pvcpu::CpuidPolicy const& policy, PolicyBuffers& to)
{
    std::uint32_t const leaf_count = static_cast<std::uint32_t>(policy.leaves().size());
    bool const fits = (!to.leaves || to.leaf_count >= leaf_count) &&
                      (!to.registers || to.register_count >= registers.size());
    if (!fits)
        return fail(Errno::enobufs);
    if (to.leaves)
        TRY(guest::copy_bytes_out(GuestVirtual{to.leaves}, policy.leaves().data(), policy.leaves().size_bytes()));
    if (to.registers)
        TRY(guest::copy_bytes_out(GuestVirtual{to.registers}, registers.data(), sizeof registers));
    to.leaf_count = to.leaves ? leaf_count : most_policy_leaves;
    to.register_count = registers.size();
    return {};
}

Status read_policy(pvcpu::CpuidPolicy& policy, xen::xen_domctl_cpu_policy& request)
{
    request.err_leaf = request.err_subleaf = request.err_msr = ~0u;
    if (request.nr_leaves > most_policy_leaves || request.nr_msrs > most_policy_leaves)
        return fail(Errno::e2big);
    TRY(check_registers(request));
    if (request.nr_leaves == 0)
        return {};
    auto const leaves = TRY(mm::Array<CpuidLeaf>::make(request.nr_leaves));
    std::span<CpuidLeaf> const wanted{leaves.data(), leaves.size()};
    TRY(guest::copy_bytes_in(wanted.data(), GuestVirtual{request.leaves.address}, wanted.size_bytes()));
    return policy.apply(wanted, pvcpu::system_policy(pvcpu::PolicyKind::pv_max));
}

} // namespace rf::hypercall
