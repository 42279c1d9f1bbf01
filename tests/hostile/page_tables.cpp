// SPDX-License-Identifier: MIT
/// Page tables: entries of every kind, tables of every level out of scratch pages, pins, unpins, writes into live tables.
#include "world.hpp"
#include "xen/mmu.h"

namespace rf::hostile {

namespace {

using namespace rf::runtime;

constexpr std::uint64_t frame_mask = 0x000ffffffffff000;

std::uint64_t frame_of(std::uint64_t entry) { return (entry & frame_mask) >> 12; }

/// The hypervisor took an entry: could it be right to?
void judge(std::uint64_t entry)
{
    if ((entry & 1) == 0)
        return;
    if (!world.is_ours(frame_of(entry)))
        world.breach("mapped a foreign frame", entry);
    if ((entry & 2) != 0 && world.is_live_table(frame_of(entry)))
        world.breach("mapped a live page table writable", entry);
}

/// Maps a scratch page at its usual place with the given flags.
long remap(unsigned number, std::uint64_t flags)
{
    return world.call(xen::HYPERVISOR_update_va_mapping, reinterpret_cast<std::uint64_t>(world.scratch(number)),
                      world.scratch_frame(number) << 12 | flags, xen::UVMF_INVLPG | xen::UVMF_ALL);
}

void map_something()
{
    const std::uint64_t entry = world.entry();
    const auto place = reinterpret_cast<std::uint64_t>(world.scratch(world.scratch_number()));
    if (world.call(xen::HYPERVISOR_update_va_mapping, place, entry, world.random.below(8)) >= 0)
        judge(entry);
}

/// Fills a page as a table of some level, hides it from writing, and pins it.
void make_table()
{
    const unsigned number = world.scratch_number();
    const auto level = static_cast<unsigned>(world.random.below(4));
    if (remap(number, 0x67) < 0)
        return;
    auto* const words = reinterpret_cast<std::uint64_t*>(world.scratch(number));
    (void)attempt([&] {
        for (unsigned i = 0; i < 512; ++i)
            words[i] = 0;
        for (std::uint64_t left = world.random.below(12); left > 0; --left) {
            const std::uint64_t other = world.scratch_frame(world.scratch_number()) << 12;
            words[world.random.below(512)] = world.random.once_in(6) ? world.entry() : other | (world.random.once_in(2) ? 0x67 : 0x65);
        }
    });
    (void)remap(number, 0x65);
    xen::mmuext_op op{};
    op.cmd = xen::MMUEXT_PIN_L1_TABLE + level;
    op.arg1.mfn = world.scratch_frame(number);
    world.call(xen::HYPERVISOR_mmuext_op, as_argument(&op), 1, 0, xen::DOMID_SELF);
}

void extended_operation()
{
    xen::mmuext_op ops[4];
    const std::uint64_t count = 1 + world.random.below(4);
    for (auto& op : ops) {
        op = {};
        op.cmd = static_cast<std::uint32_t>(world.random.once_in(16) ? world.value() : world.random.below(20));
        if (op.cmd == xen::MMUEXT_NEW_BASEPTR && !world.random.once_in(500))
            op.cmd = xen::MMUEXT_UNPIN_TABLE;
        op.arg1.mfn = world.random.once_in(8) ? world.value() : world.frame();
        op.arg2.src_mfn = world.random.once_in(2) ? world.frame() : world.value();
        if (op.cmd == xen::MMUEXT_CLEAR_PAGE || op.cmd == xen::MMUEXT_COPY_PAGE)
            op.arg1.mfn = world.scratch_frame(world.scratch_number());  // our own program is not scratch
    }
    std::uint32_t done = 0;
    const std::uint64_t domain = world.random.once_in(8) ? world.value() : +xen::DOMID_SELF;
    world.call(xen::HYPERVISOR_mmuext_op, as_argument(&ops[0]), count, as_argument(&done), domain);
}

/// Requests against scratch tables, and against the free half of the live top table.
void update_tables()
{
    xen::mmu_update requests[8];
    const std::uint64_t count = 1 + world.random.below(8);
    for (auto& request : requests) {
        const bool live = world.random.once_in(4);
        const std::uint64_t table = live ? World::table_frame(0) : world.random.once_in(8) ? world.frame() : world.scratch_frame(world.scratch_number());
        const std::uint64_t slot = live ? world.random.below(272) : world.random.below(512);
        request.ptr = table << 12 | slot * 8 | (world.random.once_in(4) ? world.random.below(8) : 0);
        request.val = world.entry();
        if (world.is_live_table(table) && !live)
            request.ptr = 0;
    }
    std::uint32_t done = 0;
    const std::uint64_t domain = world.random.once_in(8) ? world.value() : +xen::DOMID_SELF;
    world.call(xen::HYPERVISOR_mmu_update, as_argument(&requests[0]), count, as_argument(&done), domain);
}

/// A store into a page that may be a table by now: refused, emulated, or plainly done.
void write_directly()
{
    auto* const words = reinterpret_cast<volatile std::uint64_t*>(world.scratch(world.scratch_number()));
    const std::uint64_t entry = world.entry(), slot = world.random.below(512), width = world.random.below(4);
    (void)attempt([&] {
        auto* const bytes = reinterpret_cast<volatile std::uint8_t*>(words + slot);
        switch (width) {
        case 0: words[slot] = entry; break;
        case 1: *reinterpret_cast<volatile std::uint32_t*>(bytes + world.random.below(5)) = static_cast<std::uint32_t>(entry); break;
        case 2: __atomic_exchange_n(const_cast<std::uint64_t*>(words + slot), entry, __ATOMIC_SEQ_CST); break;
        default: __atomic_fetch_and(const_cast<std::uint64_t*>(words + slot), entry, __ATOMIC_SEQ_CST); break;
        }
    });
}

}  // namespace

void abuse_page_tables()
{
    static constexpr void (*moves[])() = {map_something, make_table, extended_operation, update_tables, write_directly};
    moves[world.random.below(std::size(moves))]();
}

}  // namespace rf::hostile
