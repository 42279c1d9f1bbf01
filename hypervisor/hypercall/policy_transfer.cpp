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

namespace {

/// Collects leaves; what does not fit is counted and refused in the end.
class LeafList {
public:
    explicit LeafList(std::span<CpuidLeaf> room) : room_(room) {}
    void add(pvcpu::CpuidPolicy const& policy, std::uint32_t leaf, std::uint32_t subleaf)
    {
        if (count_ < room_.size())
            room_[count_] = {leaf, subleaf, policy.find(leaf, subleaf == pvcpu::no_subleaf ? 0 : subleaf)};
        ++count_;
    }
    [[nodiscard]] std::size_t count() const { return count_; }

private:
    std::span<CpuidLeaf> room_;
    std::size_t count_ = 0;
};

/// Leaves that come as a list of sub-leaves.
constexpr std::uint32_t cache_leaf = 4, feature_leaf = 7, topology_leaf = 0xb, xstate_leaf = 0xd;

void add_basic(LeafList& list, pvcpu::CpuidPolicy const& policy, std::uint32_t leaf)
{
    auto const add_first = [&](std::uint32_t count) {
        for (std::uint32_t subleaf = 0; subleaf < count; ++subleaf)
            list.add(policy, leaf, subleaf);
    };
    switch (leaf) {
    case cache_leaf:
        return add_first(6);
    case feature_leaf:
        return add_first(policy.find(leaf).eax + 1);
    case topology_leaf:
        return add_first(2);
    case xstate_leaf:
        add_first(2);
        for (std::uint32_t component = 2; component < 63; ++component)
            if (policy.xcr0() >> component & 1)
                list.add(policy, leaf, component);
        return;
    default:
        list.add(policy, leaf, pvcpu::no_subleaf);
    }
}

/// Toolstacks read the list, change it and write it back from a structure that has every leaf up to the highest, so the
/// list that they get must be as long: leaves without contents are there as zeros.
[[nodiscard]] std::size_t list_leaves(pvcpu::CpuidPolicy const& policy, std::span<CpuidLeaf> room)
{
    constexpr std::uint32_t hypervisor_leaves = 0x4000'0000, second_interface = 0x4000'0100, extended = 0x8000'0000;
    LeafList list{room};
    for (std::uint32_t leaf = 0; leaf <= policy.find(0).eax; ++leaf)
        add_basic(list, policy, leaf);
    list.add(policy, hypervisor_leaves, pvcpu::no_subleaf);
    list.add(policy, second_interface, pvcpu::no_subleaf);
    for (std::uint32_t leaf = extended; leaf <= policy.find(extended).eax; ++leaf)
        list.add(policy, leaf, pvcpu::no_subleaf);
    return list.count();
}

} // namespace

Status write_policy(pvcpu::CpuidPolicy const& policy, PolicyBuffers& to)
{
    auto const leaves = TRY(mm::Array<CpuidLeaf>::make(most_policy_leaves));
    std::size_t const leaf_count = list_leaves(policy, {leaves.data(), leaves.size()});
    bool const fits = leaf_count <= most_policy_leaves && (!to.leaves || to.leaf_count >= leaf_count) &&
                      (!to.registers || to.register_count >= registers.size());
    if (!fits)
        return fail(Errno::enobufs);
    if (to.leaves)
        TRY(guest::copy_bytes_out(GuestVirtual{to.leaves}, leaves.data(), leaf_count * sizeof(CpuidLeaf)));
    if (to.registers)
        TRY(guest::copy_bytes_out(GuestVirtual{to.registers}, registers.data(), sizeof registers));
    to.leaf_count = to.leaves ? static_cast<std::uint32_t>(leaf_count) : most_policy_leaves;
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
