// SPDX-License-Identifier: MIT
/// CPUID for one vCPU: its domain's policy, its own identity, and the hypervisor's leaves.
#include "cpu/features.hpp"
#include "cpu/insn.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "pvcpu/feature_rules.hpp"
#include "xen/cpuid.h"

#include <utility>

namespace rf::pvcpu {

namespace {

constinit CpuidPolicy host_policy, pv_max_policy, pv_default_policy, control_policy;
constinit HypervisorLeaves machine_facts;

} // namespace

void build_policies(std::uint64_t xcr0, HypervisorLeaves const& facts)
{
    HostCpuid const host = [](std::uint32_t leaf, std::uint32_t subleaf) {
        cpu::CpuidResult const regs = cpu::cpuid(leaf, subleaf);
        return CpuidRegisters{regs.eax, regs.ebx, regs.ecx, regs.edx};
    };
    std::uint64_t const usable = cpu::host().xsave ? xcr0 : 0;
    machine_facts = facts;
    host_policy = CpuidPolicy::build(PolicyKind::host, host, usable);
    pv_max_policy = CpuidPolicy::build(PolicyKind::pv_max, host, usable);
    pv_default_policy = CpuidPolicy::build(PolicyKind::pv_default, host, usable);
    control_policy = CpuidPolicy::build(PolicyKind::control, host, usable);
}

CpuidPolicy const& system_policy(PolicyKind kind)
{
    switch (kind) {
    case PolicyKind::host:
        return host_policy;
    case PolicyKind::pv_max:
        return pv_max_policy;
    case PolicyKind::pv_default:
        return pv_default_policy;
    case PolicyKind::control:
        return control_policy;
    }
    std::unreachable();
}

void answer_cpuid(domain::Vcpu const& vcpu, xen::cpu_user_regs& regs)
{
    auto const leaf = static_cast<std::uint32_t>(regs.rax), subleaf = static_cast<std::uint32_t>(regs.rcx);
    CpuidPolicy const& policy = vcpu.domain().cpuid_policy();
    CpuidRegisters const answer = is_static_leaf(leaf) ? policy.find(leaf, subleaf)
                                                       : cpuid_of(policy, machine_facts, vcpu.id(), vcpu.xstate.xcr0(), leaf, subleaf);
    regs.rax = answer.eax;
    regs.rbx = answer.ebx;
    regs.rcx = answer.ecx;
    regs.rdx = answer.edx;
}

} // namespace rf::pvcpu
