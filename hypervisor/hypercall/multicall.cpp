// SPDX-License-Identifier: MIT
/// multicall: a batch of hypercalls, each with its own result. The batch stops between entries when the CPU has other
/// work; an entry that wants to continue is written back with its new arguments and the batch returns to it.
#include "cpu/current.hpp"
#include "domain/vcpu.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "hypercall/table.hpp"
#include "xen/mmu.h"
#include "xen/numbers.h"

#include <algorithm>
#include <cstddef>

namespace rf::hypercall {
namespace {

/// Entries that one segment may run.
constexpr std::uint32_t entries_per_batch = 64;
/// Elements of lists that the entries of one segment may ask for together: each entry has a budget of its own, but 64 long
/// lists are not one piece of work. The entry that would go beyond begins the next segment.
constexpr std::uint64_t elements_per_batch = 128;

/// What entries of one segment may have spent on page tables before another one begins, which may spend a whole segment's budget.
constexpr std::uint32_t spent_per_batch = 24;

/// Elements that an entry asks for: pages are dearer than entries of page tables.
[[nodiscard]] std::uint64_t elements_of(xen::multicall_entry const& entry)
{
    constexpr std::uint64_t per_operation = 16, per_grant = 16, per_memory_operation = elements_per_batch;
    auto const count = [&](unsigned argument) { return entry.args[argument] & 0x7fffffff; };
    switch (entry.op) {
    case xen::HYPERVISOR_mmu_update:
        return count(1);
    case xen::HYPERVISOR_mmuext_op:
        return count(1) * per_operation;
    case xen::HYPERVISOR_grant_table_op:
        return count(2) * per_grant;
    case xen::HYPERVISOR_memory_op:
    case xen::HYPERVISOR_set_gdt:
        return per_memory_operation;
    default:
        return 1;
    }
}

/// When the entry is to be continued, its arguments are the next ones.
[[nodiscard]] Outcome run_entry(Call& call, xen::multicall_entry& entry, std::uint32_t& spent)
{
    if (entry.op == xen::HYPERVISOR_multicall)
        return fail(Errno::einval);
    xen::cpu_user_regs registers; // only the arguments are looked at
#pragma GCC unroll 6
    for (unsigned i = 0; i < 6; ++i)
        registers.*argument_registers[i] = entry.args[i];
    Call inner{call.vcpu, call.domain, registers, true};
    Outcome const outcome = find(entry.op)(inner);
    spent += inner.spent;
    if (outcome.is_again())
        for (unsigned i = 0; i < 6; ++i)
            entry.args[i] = inner[i];
    return outcome;
}

} // namespace

Outcome multicall(Call& call)
{
    std::uint32_t const count = call.narrow(1);
    guest::Array<xen::multicall_entry> const entries{call[0], count};
    std::uint32_t done = 0;
    std::uint64_t elements = 0;
    std::uint32_t spent = 0;
    auto const rest = [&] {
        Arguments next = call.arguments();
        next[0] += done * sizeof(xen::multicall_entry);
        next[1] = count - done;
        return Outcome::again(call, next);
    };
    while (done < count) {
        if (done == entries_per_batch)
            return rest();
        xen::multicall_entry entry;
        TRY(entries.read(done, entry));
        std::uint64_t const more = elements_of(entry);
        if (elements > 0 && elements + more > elements_per_batch)
            return rest();
        elements += std::max<std::uint64_t>(more, 1);
        Outcome const outcome = run_entry(call, entry, spent);
        if (outcome.is_again()) {
            if (Status stored = entries.put(done, entry); !stored)
                return fail(stored.error());
            return rest();
        }
        std::uint64_t const result_at = entries.address_of(done) + offsetof(xen::multicall_entry, result);
        if (Status stored = guest::copy_out(result_at, static_cast<std::uint64_t>(outcome.result())); !stored)
            return fail(stored.error());
        ++done;
        // The entry blocked, shut down or descheduled this vCPU: the rest runs when it runs again. Or it was long.
        if (done < count && (cpu::stack_top().work.load(relaxed) != 0 || spent > spent_per_batch))
            return rest();
    }
    return Outcome::ok();
}

} // namespace rf::hypercall
