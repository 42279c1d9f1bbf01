// SPDX-License-Identifier: MIT
/// Page tables: one entry, 128 entries, a whole table pinned and unpinned, the root switched.
#include <array>
#include <cstring>

#include "measure.hpp"
#include "xen/domid.h"
#include "xen/mmu.h"

namespace rf::bench {

using namespace runtime;

namespace {

constexpr unsigned batch = 128, table_entries = 512;
constexpr std::uint64_t read_only_bits = 0x25, writable_bits = 0x67;

std::uint64_t entry_for(const void* page, std::uint64_t bits)
{
    return static_cast<std::uint64_t>(memory.machine_frame(page)) * page_size | bits;
}

long set_entry(const void* page, std::uint64_t entry, std::uint64_t flags)
{
    return hypercall(xen::HYPERVISOR_update_va_mapping, page, entry, flags);
}

long extended(std::uint32_t command, const void* page)
{
    xen::mmuext_op op{};
    op.cmd = command;
    op.arg1.mfn = static_cast<std::uint64_t>(memory.machine_frame(page));
    return hypercall(xen::HYPERVISOR_mmuext_op, &op, 1, nullptr, xen::DOMID_SELF);
}

/// M8: a page of the window is mapped in turn to two frames, writable.
void measure_single_entries(std::byte* place, const std::byte* one, const std::byte* other)
{
    bool turn = false;
    const auto flip = [&](std::uint64_t flags) {
        return [&, flags] {
            turn = !turn;
            set_entry(place, entry_for(turn ? one : other, writable_bits), flags);
        };
    };
    const std::uint64_t before = entry_for(place, writable_bits);
    measure("M8.no_flush", 1000, 1, flip(xen::UVMF_NONE));
    measure("M8.invlpg", 1000, 1, flip(xen::UVMF_INVLPG | xen::UVMF_LOCAL));
    measure("M8.flush", 1000, 1, flip(xen::UVMF_TLB_FLUSH | xen::UVMF_LOCAL));
    measure("M8.unmap_map", 1000, 2, [&] {
        set_entry(place, 0, xen::UVMF_INVLPG);
        set_entry(place, before, xen::UVMF_NONE);
    });
    require(checked(set_entry(place, before, xen::UVMF_INVLPG)), "put the page back");
}

using Pages = std::array<std::byte*, batch>;

/// M9: 128 entries of one table change their frames, all in one call; M9.unmap_map: they go and come.
void measure_batches(const std::byte* table, const Pages& pages)
{
    static xen::mmu_update requests[2][batch], clearing[batch];
    for (unsigned i = 0; i < batch; ++i) {
        const std::uint64_t place = static_cast<std::uint64_t>(memory.machine_frame(table)) * page_size + i * 8;
        requests[0][i] = {place, entry_for(pages[i], writable_bits)};
        requests[1][i] = {place, entry_for(pages[(i + 1) % batch], writable_bits)};
        clearing[i] = {place, 0};
    }
    const auto apply = [](const xen::mmu_update* list, unsigned count) {
        return hypercall(xen::HYPERVISOR_mmu_update, list, count, nullptr, xen::DOMID_SELF);
    };
    require(checked(apply(requests[0], batch)), "mmu_update");
    bool turn = false;
    measure("M9", 200, batch, [&] { turn = !turn, apply(requests[turn], batch); });
    measure("M9.single", 1000, 1, [&] { turn = !turn, apply(requests[turn], 1); });
    measure("M9.unmap_map", 200, 2 * batch, [&] {
        apply(clearing, batch);
        apply(requests[0], batch);
    });
}

/// M9.stored: the kernel exchanges an entry of its own table, and the hypervisor carries the instruction out; M9.touched: an
/// entry goes by it and comes by mmu_update, as Linux does it for a page that is released and touched.
void measure_stores(std::byte* table, const Pages& pages)
{
    require(checked(hypercall(xen::HYPERVISOR_vm_assist, xen::VMASST_CMD_enable, xen::VMASST_TYPE_writable_pagetables)),
            "let the hypervisor carry out stores to page tables");
    auto& entry = reinterpret_cast<volatile std::uint64_t*>(table)[0];
    const auto exchange = [&](std::uint64_t value) { asm volatile("xchg %0, %1" : "+r"(value), "+m"(entry)); };
    const std::uint64_t values[2] = {entry_for(pages[0], writable_bits), entry_for(pages[1], writable_bits)};
    bool turn = false;
    measure("M9.stored", 1000, 1, [&] {
        turn = !turn;
        exchange(values[turn]);
    });
    static xen::mmu_update request;
    request = {static_cast<std::uint64_t>(memory.machine_frame(table)) * page_size, values[0]};
    measure("M9.touched", 1000, 1, [&] {
        exchange(0);
        hypercall(xen::HYPERVISOR_mmu_update, &request, 1, nullptr, xen::DOMID_SELF);
    });
}

void measure_pins(std::byte* table, const Pages& pages)
{
    std::array<std::uint64_t, table_entries> entries;
    for (unsigned i = 0; i < table_entries; ++i)
        entries[i] = entry_for(pages[i % batch], writable_bits);
    std::memcpy(table, entries.data(), page_size);
    require(checked(set_entry(table, entry_for(table, read_only_bits), xen::UVMF_INVLPG)), "make a table read-only");
    require(checked(extended(xen::MMUEXT_PIN_L1_TABLE, table)), "pin a table");
    measure_batches(table, pages);
    measure_stores(table, pages);
    require(checked(extended(xen::MMUEXT_UNPIN_TABLE, table)), "unpin a table");

    require(checked(set_entry(table, entry_for(table, writable_bits), xen::UVMF_INVLPG)), "make a table writable");
    std::memcpy(table, entries.data(), page_size);
    require(checked(set_entry(table, entry_for(table, read_only_bits), xen::UVMF_INVLPG)), "make a table read-only");
    measure("M10", 50, 2 * table_entries, [table] {
        extended(xen::MMUEXT_PIN_L1_TABLE, table);
        extended(xen::MMUEXT_UNPIN_TABLE, table);
    });
    measure("M10.pin", 50, table_entries, [table] { extended(xen::MMUEXT_PIN_L1_TABLE, table); },
            [table] { extended(xen::MMUEXT_UNPIN_TABLE, table); });
}

/// M11: a second root with the same contents, used in turn with the first.
void measure_root_switch()
{
    constexpr unsigned first_hypervisor_slot = 256, hypervisor_slots = 16;
    std::byte* const root = memory.allocate();
    const auto* const own = reinterpret_cast<const std::byte*>(start_info().pt_base);
    std::memcpy(root, own, page_size);
    std::memset(root + first_hypervisor_slot * 8, 0, hypervisor_slots * 8);
    require(checked(set_entry(root, entry_for(root, read_only_bits), xen::UVMF_INVLPG)), "make a root read-only");
    require(checked(extended(xen::MMUEXT_PIN_L4_TABLE, root)), "pin a root");
    measure("M11", 500, 2, [&] {
        extended(xen::MMUEXT_NEW_BASEPTR, root);
        extended(xen::MMUEXT_NEW_BASEPTR, own);
    });
}

}  // namespace

void measure_page_tables()
{
    if (!wanted("M8") && !wanted("M9") && !wanted("M10") && !wanted("M11"))
        return;
    static Pages pages;
    for (auto& page : pages)
        page = memory.allocate();
    measure_single_entries(memory.allocate(), pages[0], pages[1]);
    measure_pins(memory.allocate(), pages);
    measure_root_switch();
}

}  // namespace rf::bench
