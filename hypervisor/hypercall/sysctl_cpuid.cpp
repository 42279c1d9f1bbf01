// SPDX-License-Identifier: MIT
/// What processors can do, for toolstacks that compose a domain's view of them.
#include "guest/access.hpp"
#include "hypercall/policy_transfer.hpp"
#include "hypercall/sysctl.hpp"

#include <algorithm>

namespace rf::hypercall::sysctls {
namespace {

using pvcpu::PolicyKind;

/// Errno::eopnotsupp: there are no hardware-virtualized guests. Errno::einval: no such set.
[[nodiscard]] Result<PolicyKind> kind_of_featureset(std::uint32_t index)
{
    switch (index) {
    case xen::XEN_SYSCTL_cpu_featureset_raw:
    case xen::XEN_SYSCTL_cpu_featureset_host:
        return PolicyKind::host;
    case xen::XEN_SYSCTL_cpu_featureset_pv:
        return PolicyKind::pv_default;
    case xen::XEN_SYSCTL_cpu_featureset_pv_max:
        return PolicyKind::pv_max;
    case xen::XEN_SYSCTL_cpu_featureset_hvm:
    case xen::XEN_SYSCTL_cpu_featureset_hvm_max:
        return fail(Errno::eopnotsupp);
    default:
        return fail(Errno::einval);
    }
}

[[nodiscard]] Result<PolicyKind> kind_of_policy(std::uint32_t index)
{
    switch (index) {
    case xen::XEN_SYSCTL_cpu_policy_raw:
    case xen::XEN_SYSCTL_cpu_policy_host:
        return PolicyKind::host;
    case xen::XEN_SYSCTL_cpu_policy_pv_max:
        return PolicyKind::pv_max;
    case xen::XEN_SYSCTL_cpu_policy_pv_default:
        return PolicyKind::pv_default;
    case xen::XEN_SYSCTL_cpu_policy_hvm_max:
    case xen::XEN_SYSCTL_cpu_policy_hvm_default:
        return fail(Errno::eopnotsupp);
    default:
        return fail(Errno::einval);
    }
}

} // namespace

Result<Reply> levelling_caps(xen::xen_sysctl& op)
{
    op.u.cpu_levelling_caps.caps = 0; // natively executed CPUID shows the machine
    return Reply::data;
}

Result<Reply> cpu_featureset(xen::xen_sysctl& op)
{
    xen::xen_sysctl_cpu_featureset& request = op.u.cpu_featureset;
    pvcpu::FeatureSet const words = pvcpu::system_policy(TRY(kind_of_featureset(request.index))).features();
    std::uint32_t const count = std::min(request.nr_features, static_cast<std::uint32_t>(words.size()));
    if (request.features.address) {
        TRY(guest::copy_bytes_out(GuestVirtual{request.features.address}, words.data(), count * sizeof words[0]));
        if (count < words.size())
            return fail(Errno::enobufs);
    }
    request.nr_features = static_cast<std::uint32_t>(words.size());
    return Reply::data;
}

Result<Reply> cpu_policy(xen::xen_sysctl& op)
{
    xen::xen_sysctl_cpu_policy& request = op.u.cpu_policy;
    if (request._rsvd)
        return fail(Errno::einval);
    pvcpu::CpuidPolicy const& policy = pvcpu::system_policy(TRY(kind_of_policy(request.index)));
    PolicyBuffers buffers{request.leaves.address, request.msrs.address, request.nr_leaves, request.nr_msrs};
    TRY(write_policy(policy, buffers));
    request.nr_leaves = buffers.leaf_count;
    request.nr_msrs = buffers.register_count;
    return Reply::data;
}

} // namespace rf::hypercall::sysctls
