// SPDX-License-Identifier: MIT
/// Page-table entries of grant mappings (declared in pvmmu/grant_mapping.hpp). Such an entry counts its target like any
/// other leaf, besides the references of room grant/: a guest that overwrites it harms only its own mapping.
///
/// Unlike other updates these do not drain Space::unwinding first: that can be long, and a grant operation cannot stop in
/// the middle. Nothing is lost: tables being undone are no place for an entry, and a frame that is one cannot be mapped.
#include "pvmmu/grant_mapping.hpp"

#include "cpu/tlb.hpp"
#include "domain/domain.hpp"
#include "domain/vcpu.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/update.hpp"

namespace rf::pvmmu {
namespace {

[[nodiscard]] Result<EntryPlace> resolve(domain::Domain& mapper, GrantPlace place)
{
    if (place.kind == GrantAddress::linear) {
        domain::Vcpu* const caller = cpu::current_vcpu();
        return find_entry(pvcpu::current_root(*caller), GuestVirtual{place.address}, 1);
    }
    MachineAddress const address{place.address};
    if (address.value % 8 || !is_table(mapper.space, address.frame(), 1))
        return fail(Errno::einval);
    return EntryPlace{address.frame(), static_cast<unsigned>(address.offset() / 8)};
}

} // namespace

Status install_grant(domain::Domain& mapper, GrantPlace place, GrantEntry const& entry)
{
    std::uint64_t const flags = Entry::present | Entry::accessed | Entry::dirty | Entry::no_execute |
                                (entry.writable ? Entry::writable : 0) | (entry.user ? Entry::user : 0) |
                                (std::uint64_t{entry.guest_bits} << 9 & Entry::available_low);
    Space& space = mapper.space;
    LockGuard guard(space.lock);
    EntryPlace const at = TRY(resolve(mapper, place));
    return write_leaf(space, at, Entry::of(entry.frame, flags), mm::frames[entry.frame].owner_id(), Preserve::nothing);
}

Status remove_grant(domain::Domain& mapper, GrantPlace place, Mfn frame, bool writable)
{
    Space& space = mapper.space;
    {
        LockGuard guard(space.lock);
        EntryPlace const at = TRY(resolve(mapper, place));
        Entry const old = detail::load_entry(at);
        if (!old.is_present() || old.frame() != frame || old.is_writable() != writable)
            return fail(Errno::einval);
        TRY(write_leaf(space, at, Entry{}, mapper.id(), Preserve::nothing));
    }
    cpu::flush_cpus(mapper.loaded_on());
    return {};
}

} // namespace rf::pvmmu
