// SPDX-License-Identifier: MIT
/// Page tables: entries of every kind, tables of every level out of scratch pages, pins, unpins, writes into live tables.
#include "world.hpp"
#include "xen/mmu.h"

namespace rf::hostile {

namespace {

using namespace rf::runtime;

/// Maps a scratch page at its usual place with the given flags.
long remap(unsigned number, std::uint64_t flags)
{
    return self().call(xen::HYPERVISOR_update_va_mapping, reinterpret_cast<std::uint64_t>(self().scratch(number)),
                      self().scratch_frame(number) << 12 | flags, xen::UVMF_INVLPG | xen::UVMF_ALL);
}

void map_something()
{
    const std::uint64_t entry = self().entry();
    const auto place = reinterpret_cast<std::uint64_t>(self().scratch(self().scratch_number()));
    if (self().call(xen::HYPERVISOR_update_va_mapping, place, entry, self().random.below(8)) >= 0)
        judge(entry);
}

/// Fills a page as a table of some level, hides it from writing, and pins it.
void make_table()
{
    const unsigned number = self().scratch_number();
    const auto level = static_cast<unsigned>(self().random.below(4));
    if (remap(number, 0x67) < 0)
        return;
    auto* const words = reinterpret_cast<std::uint64_t*>(self().scratch(number));
    (void)attempt([&] {
        for (unsigned i = 0; i < 512; ++i)
            words[i] = 0;
        for (std::uint64_t left = self().random.below(12); left > 0; --left) {
            const std::uint64_t other = self().scratch_frame(self().scratch_number()) << 12;
            words[self().random.below(512)] = self().random.once_in(6) ? self().entry() : other | (self().random.once_in(2) ? 0x67 : 0x65);
        }
    });
    (void)remap(number, 0x65);
    xen::mmuext_op op{};
    op.cmd = xen::MMUEXT_PIN_L1_TABLE + level;
    op.arg1.mfn = self().scratch_frame(number);
    self().call(xen::HYPERVISOR_mmuext_op, as_argument(&op), 1, 0, xen::DOMID_SELF);
}

void extended_operation()
{
    xen::mmuext_op ops[4];
    const std::uint64_t count = 1 + self().random.below(4);
    for (auto& op : ops) {
        op = {};
        op.cmd = static_cast<std::uint32_t>(self().random.once_in(16) ? self().value() : self().random.below(20));
        if (op.cmd == xen::MMUEXT_NEW_BASEPTR && !self().random.once_in(500))
            op.cmd = xen::MMUEXT_UNPIN_TABLE;
        op.arg1.mfn = self().random.once_in(8) ? self().value() : self().frame();
        op.arg2.src_mfn = self().random.once_in(2) ? self().frame() : self().value();
        if (op.cmd == xen::MMUEXT_CLEAR_PAGE || op.cmd == xen::MMUEXT_COPY_PAGE)
            op.arg1.mfn = self().scratch_frame(self().scratch_number());  // our own program is not scratch
    }
    std::uint32_t done = 0;
    const std::uint64_t domain = self().random.once_in(8) ? self().value() : +xen::DOMID_SELF;
    self().call(xen::HYPERVISOR_mmuext_op, as_argument(&ops[0]), count, as_argument(&done), domain);
}

/// Requests against scratch tables, and against the free half of the live top table.
void update_tables()
{
    xen::mmu_update requests[8];
    const std::uint64_t count = 1 + self().random.below(8);
    for (auto& request : requests) {
        const bool live = self().random.once_in(4);
        const std::uint64_t table = live ? Ground::table_frame(0) : self().random.once_in(8) ? self().frame() : self().scratch_frame(self().scratch_number());
        const std::uint64_t slot = live ? self().random.below(272) : self().random.below(512);
        request.ptr = table << 12 | slot * 8 | (self().random.once_in(4) ? self().random.below(8) : 0);
        request.val = self().entry();
        if (Ground::is_live_table(table) && !live)
            request.ptr = 0;
    }
    std::uint32_t done = 0;
    const std::uint64_t domain = self().random.once_in(8) ? self().value() : +xen::DOMID_SELF;
    self().call(xen::HYPERVISOR_mmu_update, as_argument(&requests[0]), count, as_argument(&done), domain);
}

/// A store into a page that may be a table by now: refused, emulated, or plainly done.
void write_directly()
{
    auto* const words = reinterpret_cast<volatile std::uint64_t*>(self().scratch(self().scratch_number()));
    const std::uint64_t entry = self().entry(), slot = self().random.below(512), width = self().random.below(4);
    (void)attempt([&] {
        auto* const bytes = reinterpret_cast<volatile std::uint8_t*>(words + slot);
        switch (width) {
        case 0: words[slot] = entry; break;
        case 1: *reinterpret_cast<volatile std::uint32_t*>(bytes + self().random.below(5)) = static_cast<std::uint32_t>(entry); break;
        case 2: __atomic_exchange_n(const_cast<std::uint64_t*>(words + slot), entry, __ATOMIC_SEQ_CST); break;
        default: __atomic_fetch_and(const_cast<std::uint64_t*>(words + slot), entry, __ATOMIC_SEQ_CST); break;
        }
    });
}

}  // namespace

void abuse_page_tables()
{
    static constexpr void (*moves[])() = {map_something, make_table, extended_operation, update_tables, write_directly};
    moves[self().random.below(std::size(moves))]();
}

}  // namespace rf::hostile
