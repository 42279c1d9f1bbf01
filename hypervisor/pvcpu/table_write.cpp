// SPDX-License-Identifier: MIT
#include "pvcpu/table_write.hpp"

#include "domain/domain.hpp"
#include "guest/access.hpp"
#include "pvcpu/arithmetic.hpp"
#include "pvcpu/roots.hpp"
#include "pvcpu/word_store.hpp"
#include "pvmmu/leaf_table.hpp"
#include "pvmmu/update.hpp"
#include "xen/mmu.h"

namespace rf::pvcpu {
namespace {

using pvmmu::Entry;

[[nodiscard]] bool is_store(Instruction const& instruction)
{
    return instruction.memory && instruction.operation <= Operation::bit_complement;
}

/// Where the faulting address lies, if it is a read-only mapping of one of the domain's level-1 tables. Needs Space::lock.
[[nodiscard, gnu::always_inline]] inline Result<pvmmu::EntryPlace> written_entry(domain::Vcpu& vcpu, GuestVirtual address)
{
    Entry const mapping = pvmmu::detail::load_entry(TRY(pvmmu::find_entry(vcpu.pv.kernel_root, address, 1)));
    if (!mapping.is_present())
        return fail(Errno::efault);
    if (mapping.is_writable() || !pvmmu::is_leaf_table(vcpu.domain().space, mapping.frame()))
        return fail(Errno::einval);
    return pvmmu::EntryPlace{mapping.frame(), static_cast<unsigned>((address.value & ~page_mask) / 8)};
}

[[nodiscard]] Result<StoreResult> carry_out(domain::Vcpu& vcpu, xen::cpu_user_regs const& regs,
                                            Instruction const& instruction, GuestVirtual address)
{
    pvmmu::Space& space = vcpu.domain().space;
    LockGuard guard(space.lock);
    Budget budget{pvmmu::units_per_segment};
    if (pvmmu::drain(space, budget) == Progress::more)
        return fail(Errno::eagain);
    pvmmu::EntryPlace const place = TRY(written_entry(vcpu, address));
    unsigned const shift = static_cast<unsigned>(address.value & 7) * 8;
    std::uint64_t const mask = size_mask(instruction.size) << shift;
    std::uint64_t const operand =
        instruction.source == Source::immediate ? instruction.immediate : read_register(regs, instruction);
    StoreResult result;
    TRY(pvmmu::modify_leaf(space, place, space.id, [&](Entry old) {
        result = compute_store(instruction, old.bits() >> shift, operand, regs.rax, regs.rflags);
        return result.stores ? Entry{(old.bits() & ~mask) | (result.fresh << shift & mask)} : old;
    }));
    return result;
}

/// The usual stores, by the shortest way. Nothing happened if it does not answer `done`: the long way is to be gone then.
[[nodiscard, gnu::noinline]] TableWrite store_word(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, GuestVirtual address)
{
    std::uint64_t code;
    static_assert(sizeof code == word_store_bytes);
    if (!address_map::guest_range_ok(regs.rip, sizeof code) ||
        !guest::copied_shortly<std::uint64_t>(&code, reinterpret_cast<void const*>(regs.rip)))
        return TableWrite::not_ours;
    WordStore const store = decode_word_store(code);
    if (store.length == 0 || address.value % 8)
        return TableWrite::not_ours;
    std::uint64_t& operand = general_register(regs, store.reg);
    pvmmu::Space& space = vcpu.domain().space;
    LockGuard guard(space.lock);
    if (space.unwinding_depth != 0)
        return TableWrite::not_ours;
    auto const place = written_entry(vcpu, address);
    if (!place)
        return TableWrite::not_ours;
    auto const old = pvmmu::modify_leaf(space, *place, space.id, [value = Entry{operand}](Entry) { return value; });
    if (!old)
        return TableWrite::not_ours;
    if (store.exchanges)
        operand = old->bits();
    regs.rip += store.length;
    return TableWrite::done;
}

/// Every store that we know. The instruction is read again, and carried out as it is now: what store_word saw is forgotten.
[[nodiscard, gnu::noinline]] TableWrite store_anything(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, GuestVirtual address)
{
    std::uint8_t code[instruction_limit];
    std::size_t const fetched = guest::copy_bytes_in_partial(code, GuestVirtual{regs.rip}, sizeof code);
    auto const instruction = decode({code, fetched}, regs);
    if (!instruction || !is_store(*instruction) || (address.value & 7) + instruction->size > 8)
        return TableWrite::not_ours;
    auto const result = carry_out(vcpu, regs, *instruction, address);
    if (!result && result.error() == Errno::eagain)
        return TableWrite::done; // nothing happened: the guest repeats the instruction
    if (!result)
        return TableWrite::not_ours;
    if (result->loads_register)
        write_register(regs, *instruction, result->loaded);
    if (result->loads_rax)
        regs.rax = merged(regs.rax, result->loaded, instruction->size);
    regs.rflags = result->flags;
    regs.rip += instruction->length;
    return TableWrite::done;
}

} // namespace

TableWrite emulate_table_write(domain::Vcpu& vcpu, xen::cpu_user_regs& regs, GuestVirtual address)
{
    if (!(vcpu.domain().assists.load(relaxed) >> xen::VMASST_TYPE_writable_pagetables & 1))
        return TableWrite::not_ours;
    if (store_word(vcpu, regs, address) == TableWrite::done) [[likely]]
        return TableWrite::done;
    return store_anything(vcpu, regs, address);
}

} // namespace rf::pvcpu
