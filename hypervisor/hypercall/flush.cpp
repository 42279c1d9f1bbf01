// SPDX-License-Identifier: MIT
#include "hypercall/flush.hpp"

#include "cpu/insn.hpp"
#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"

namespace rf::hypercall {
namespace {

/// CPUs that may hold translations of the vCPUs in a guest's bitmap (bits of vCPUs that do not exist are ignored).
[[nodiscard]] Result<CpuMask> cpus_of_bitmap(Call& call, std::uint64_t handle)
{
    std::uint64_t bits = 0;
    TRY(guest::copy_bytes_in(&bits, GuestVirtual{handle}, (call.domain.vcpu_limit() + 7) / 8));
    CpuMask const wanted = CpuMask{bits} & CpuMask::first(call.domain.vcpu_limit());
    CpuMask cpus;
    wanted.for_each([&](VcpuId id) {
        if (domain::Vcpu* vcpu = call.domain.vcpu(id))
            if (CpuId const cpu = vcpu->loaded_cpu(); cpu < max_cpus)
                cpus.add(cpu);
    });
    return cpus;
}

/// Everything, or the translation of one address.
void flush_on(CpuMask cpus, bool everything, std::uint64_t address)
{
    if (everything)
        cpu::flush_cpus(cpus);
    else
        cpu::flush_cpus(cpus, cpu::FlushRange::page(address));
}

[[nodiscard]] CpuMask self() { return CpuMask::of(cpu::current_id()); }

} // namespace

Status flush_after_update(Call& call, GuestVirtual address, std::uint64_t flags)
{
    std::uint64_t const kind = flags & xen::UVMF_FLUSHTYPE_MASK;
    std::uint64_t const where = flags & ~static_cast<std::uint64_t>(xen::UVMF_FLUSHTYPE_MASK);
    if (kind != xen::UVMF_TLB_FLUSH && kind != xen::UVMF_INVLPG)
        return {};
    if (where == xen::UVMF_LOCAL) [[likely]] {
        if (kind == xen::UVMF_INVLPG)
            cpu::flush_page_local(address.value);
        else
            cpu::flush_local();
        return {};
    }
    CpuMask cpus;
    if (where == xen::UVMF_ALL)
        cpus = call.domain.loaded_on();
    else
        cpus = TRY(cpus_of_bitmap(call, where));
    flush_on(cpus, kind == xen::UVMF_TLB_FLUSH, address.value);
    return {};
}

Status flush_operation(Call& call, xen::mmuext_op const& op)
{
    std::uint64_t const address = op.arg1.linear_addr;
    switch (op.cmd) {
    case xen::MMUEXT_TLB_FLUSH_LOCAL:
        return flush_on(self(), true, 0), Status{};
    case xen::MMUEXT_INVLPG_LOCAL:
        return flush_on(self(), false, address), Status{};
    case xen::MMUEXT_TLB_FLUSH_MULTI:
    case xen::MMUEXT_INVLPG_MULTI:
        return flush_on(TRY(cpus_of_bitmap(call, op.arg2.vcpumask.address)), op.cmd == xen::MMUEXT_TLB_FLUSH_MULTI,
                        address),
               Status{};
    case xen::MMUEXT_TLB_FLUSH_ALL:
    case xen::MMUEXT_INVLPG_ALL:
        return flush_on(call.domain.loaded_on(), op.cmd == xen::MMUEXT_TLB_FLUSH_ALL, address), Status{};
    case xen::MMUEXT_FLUSH_CACHE:
    case xen::MMUEXT_FLUSH_CACHE_GLOBAL:
        if (!call.domain.rights().drives_devices())
            return fail(Errno::eacces);
        return cpu::write_back_and_invalidate(), Status{};
    default:
        return fail(Errno::enosys);
    }
}

} // namespace rf::hypercall
