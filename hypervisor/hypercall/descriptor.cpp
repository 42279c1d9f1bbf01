// SPDX-License-Identifier: MIT
/// Descriptor tables: set_gdt and update_descriptor.
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/descriptor.hpp"
#include "pvmmu/tables.hpp"
#include "xen/trap.h"

namespace rf::hypercall {

Outcome set_gdt(Call& call)
{
    std::uint32_t const entries = call.narrow(1);
    if (entries > xen::FIRST_RESERVED_GDT_ENTRY)
        return fail(Errno::einval);
    unsigned const pages = (entries + table_entries - 1) / table_entries;
    std::uint64_t numbers[xen::FIRST_RESERVED_GDT_PAGE];
    guest::Array<std::uint64_t> const list{call[0], pages};
    if (Status read = list.read(0, numbers, pages); !read)
        return fail(read.error());
    Mfn frames[xen::FIRST_RESERVED_GDT_PAGE];
    for (unsigned i = 0; i < pages; ++i)
        frames[i] = Mfn{numbers[i]};
    Budget budget{pvmmu::units_per_segment};
    if (pvcpu::judge_gdt(call.vcpu, {frames, pages}, budget) == Progress::more)
        return Outcome::again(call);
    return Outcome::of(pvcpu::set_gdt(call.vcpu, {frames, pages}, entries));
}

Outcome update_descriptor(Call& call)
{
    MachineAddress const address{call[0]};
    LockGuard guard(call.domain.space.lock);
    return Outcome::of(pvmmu::write_descriptor(call.domain.space, address.frame(), address.offset(), call[1]));
}

} // namespace rf::hypercall
