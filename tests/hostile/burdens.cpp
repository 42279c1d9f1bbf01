// SPDX-License-Identifier: MIT
/// As much work as one hypercall can be asked to do: long lists in long batches, and page tables full of entries. What the
/// hypervisor does not interrupt here it does not interrupt anywhere (make longest-runs).
#include <algorithm>

#include "world.hpp"
#include "xen/event.h"

namespace rf::hostile {

using namespace rf::runtime;

namespace {

/// The upper half of the argument page; the lower one is for a multicall's entries.
constexpr unsigned list_words = World::argument_words / 2;
[[nodiscard]] std::uint64_t* list() { return self().argument_page() + list_words; }

/// How often and with what a batch asks for the same.
struct Asked {
    xen::hypercall_number call;
    std::uint64_t arguments[4];
};

/// The same call, 64 times in a batch or once.
void ask(const Asked& asked)
{
    if (self().random.once_in(4)) {
        self().call(asked.call, asked.arguments[0], asked.arguments[1], asked.arguments[2], asked.arguments[3]);
        return;
    }
    auto* const entries = reinterpret_cast<xen::multicall_entry*>(self().argument_page());
    constexpr unsigned room = list_words * 8 / sizeof *entries;
    for (unsigned i = 0; i < room; ++i) {
        entries[i] = {};
        entries[i].op = asked.call;
        std::copy(std::begin(asked.arguments), std::end(asked.arguments), entries[i].args);
    }
    self().call(xen::HYPERVISOR_multicall, as_argument(entries), room);
}

void many_entries()
{
    const unsigned number = self().scratch_number();
    auto* const requests = reinterpret_cast<xen::mmu_update*>(list());
    constexpr unsigned room = list_words * 8 / sizeof *requests;
    const std::uint64_t place = Ground::live_entry_address(self().scratch(number)), frame = self().scratch_frame(number);
    for (unsigned i = 0; i < room; ++i)
        requests[i] = {place, i % 2 == 0 ? 0 : frame << 12 | 0x65};
    ask({xen::HYPERVISOR_mmu_update, {as_argument(requests), room, 0, xen::DOMID_SELF}});
}

void many_pages()
{
    auto* const ops = reinterpret_cast<xen::mmuext_op*>(list());
    constexpr unsigned room = list_words * 8 / sizeof *ops;
    const bool copy = self().random.once_in(2);
    for (unsigned i = 0; i < room; ++i) {
        ops[i] = {};
        ops[i].cmd = copy ? xen::MMUEXT_COPY_PAGE : xen::MMUEXT_CLEAR_PAGE;
        ops[i].arg1.mfn = self().scratch_frame(self().scratch_number());
        ops[i].arg2.src_mfn = self().scratch_frame(self().scratch_number());
    }
    ask({xen::HYPERVISOR_mmuext_op, {as_argument(ops), room, 0, xen::DOMID_SELF}});
}

void many_copies()
{
    auto* const copies = reinterpret_cast<xen::gnttab_copy*>(list());
    constexpr unsigned room = list_words * 8 / sizeof *copies;
    for (unsigned i = 0; i < room; ++i) {
        copies[i] = {};
        copies[i].source.u.gmfn = self().scratch_frame(self().scratch_number());
        copies[i].dest.u.gmfn = self().scratch_frame(self().scratch_number());
        copies[i].source.domid = copies[i].dest.domid = xen::DOMID_SELF;
        copies[i].len = 4096;
    }
    ask({xen::HYPERVISOR_grant_table_op, {xen::GNTTABOP_copy, as_argument(copies), room, 0}});
}

void many_maps()
{
    auto* const maps = reinterpret_cast<xen::gnttab_map_grant_ref*>(list());
    constexpr unsigned room = list_words * 8 / sizeof *maps;
    for (unsigned i = 0; i < room; ++i) {
        maps[i] = {};
        maps[i].host_addr = reinterpret_cast<std::uint64_t>(self().scratch(i % Ground::scratch_pages));
        maps[i].flags = xen::GNTMAP_host_map | xen::GNTMAP_readonly;
        maps[i].ref = static_cast<xen::grant_ref_t>(8 + i % 40);
        maps[i].dom = xen::DOMID_SELF;
    }
    ask({xen::HYPERVISOR_grant_table_op, {xen::GNTTABOP_map_grant_ref, as_argument(maps), room, 0}});
    for (unsigned i = 0; i < room; ++i) {
        xen::gnttab_unmap_grant_ref unmap{maps[i].host_addr, 0, maps[i].handle, 0};
        if (maps[i].status == xen::GNTST_okay)
            self().call(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_unmap_grant_ref, as_argument(&unmap), 1);
    }
}

void many_flushes()
{
    auto* const ops = reinterpret_cast<xen::mmuext_op*>(list());
    constexpr unsigned room = list_words * 8 / sizeof *ops;
    static constexpr std::uint32_t commands[] = {xen::MMUEXT_TLB_FLUSH_LOCAL, xen::MMUEXT_INVLPG_LOCAL, xen::MMUEXT_TLB_FLUSH_ALL, xen::MMUEXT_INVLPG_ALL,
                                                 xen::MMUEXT_FLUSH_CACHE};
    const std::uint32_t command = commands[self().random.below(std::size(commands))];
    for (unsigned i = 0; i < room; ++i) {
        ops[i] = {};
        ops[i].cmd = command;
    }
    ask({xen::HYPERVISOR_mmuext_op, {as_argument(ops), room, 0, xen::DOMID_SELF}});
}

/// Fills a scratch page with entries and takes its writable mapping away.
[[nodiscard]] bool make_full_table(unsigned number, std::uint64_t (*entry)(unsigned), unsigned first)
{
    const auto place = reinterpret_cast<std::uint64_t>(self().scratch(number));
    const std::uint64_t frame = self().scratch_frame(number) << 12;
    constexpr auto flush = xen::UVMF_INVLPG | xen::UVMF_ALL;
    if (self().call(xen::HYPERVISOR_update_va_mapping, place, frame | 0x67, flush) < 0)
        return false;
    auto* const words = reinterpret_cast<std::uint64_t*>(place);
    const bool filled = attempt([&] {
        for (unsigned i = 0; i < 512; ++i)
            words[i] = entry(first + i);
    });
    return self().call(xen::HYPERVISOR_update_va_mapping, place, frame | 0x65, flush) >= 0 && filled;
}

/// A level-2 table whose tables are full: pinned, loaded nowhere, and unpinned in one batch as often as there is room for.
void full_tables()
{
    constexpr unsigned tables = 12;
    for (unsigned i = 1; i <= tables; ++i)
        if (!make_full_table(i, [](unsigned n) { return self().scratch_frame(16 + n % 32) << 12 | 0x65; }, i))
            return;
    if (!make_full_table(0, [](unsigned n) { return self().scratch_frame(1 + n % tables) << 12 | 0x67; }, 0))
        return;
    auto* const ops = reinterpret_cast<xen::mmuext_op*>(list());
    constexpr unsigned room = list_words * 8 / sizeof *ops;
    for (unsigned i = 0; i < room; ++i) {
        ops[i] = {};
        ops[i].cmd = i % 2 == 0 ? xen::MMUEXT_PIN_L2_TABLE : xen::MMUEXT_UNPIN_TABLE;
        ops[i].arg1.mfn = self().scratch_frame(0);
    }
    ask({xen::HYPERVISOR_mmuext_op, {as_argument(ops), 2 + 2 * self().random.below(4), 0, xen::DOMID_SELF}});
}

}  // namespace

void abuse_patience()
{
    static constexpr void (*moves[])() = {many_entries, many_pages, many_copies, many_maps, many_flushes, full_tables};
    moves[self().random.below(std::size(moves))]();
}

}  // namespace rf::hostile
