// SPDX-License-Identifier: MIT
#include "dom0/plan.hpp"

#include "base/address_map.hpp"
#include "cpu/page_entry.hpp"

#include <algorithm>

namespace rf::dom0 {
namespace {

/// The window ends on a multiple of this, or with the domain's memory...
constexpr std::uint64_t window_alignment = 4ull << 20;
/// ...and has at least this much behind the stack, for the kernel's first allocations.
constexpr std::uint64_t least_padding = 512ull << 10;
/// Bound on pages so that no sum below can overflow: 2^40 bytes * 2^8 = 256 TiB of memory.
constexpr std::uint64_t most_pages = 1ull << 36;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) & ~(unit - 1); }

/// Entries of one level that [start, end) touches.
constexpr std::uint64_t units(std::uint64_t start, std::uint64_t end, unsigned level)
{
    std::uint64_t const bytes = cpu::page_entry::span(level + 1);
    return (end - 1) / bytes - start / bytes + 1;
}

/// Hands out the window's frames one part after the other.
class Allotter {
public:
    explicit Allotter(std::uint64_t first) : next_(first) {}
    PfnRange take(std::uint64_t count)
    {
        PfnRange const range{Pfn{next_}, count};
        next_ += count;
        return range;
    }
    [[nodiscard]] std::uint64_t next() const { return next_; }

private:
    std::uint64_t next_;
};

/// Whether all addresses of [start, start + pages) may belong to the guest.
bool guest_may_use(std::uint64_t start, std::uint64_t pages)
{
    std::uint64_t const bytes = pages << page_shift;
    if (!address_map::guest_range_ok(start, bytes) || start + bytes < start)
        return false;
    bool const low_half = start < address_map::hypervisor_start;
    return !low_half || start + bytes <= 1ull << 47;
}

/// The window's parts when it holds `tables` page-table pages.
void lay_out_window(Plan& plan, std::uint64_t kernel_start_pfn, std::uint64_t kernel_pages,
                    std::uint64_t initrd_pages, std::uint64_t p2m_pages, std::uint64_t tables)
{
    Allotter window(kernel_start_pfn);
    plan.kernel = window.take(kernel_pages);
    if (plan.initrd_in_window)
        plan.initrd = window.take(initrd_pages);
    if (plan.p2m_in_window)
        plan.p2m = window.take(p2m_pages);
    plan.start_info = window.take(1);
    plan.tables = window.take(tables);
    plan.stack = window.take(1);

    std::uint64_t const used_end = plan.address_of(plan.stack.end());
    plan.window_end = round_up(used_end, window_alignment);
    if (plan.window_end - used_end < least_padding)
        plan.window_end += window_alignment;
    plan.window = {Pfn{0}, (plan.window_end - plan.virt_base) >> page_shift};
    if (plan.pages < plan.window.count) {
        // A domain that has not as much memory sees all that it has.
        plan.window.count = std::max(plan.pages, plan.stack.end().value + pages_of(least_padding));
        plan.window_end = plan.address_of(plan.window.end());
    }
}

} // namespace

TableCounts count_tables(std::uint64_t start, std::uint64_t end)
{
    return {units(start, end, 3), units(start, end, 2), units(start, end, 1)};
}

Parsed<Plan> make_plan(KernelNotes const& notes, std::uint64_t initrd_bytes, std::uint64_t pages)
{
    if (pages > most_pages || initrd_bytes > most_pages << page_shift)
        return refuse("more memory than an address space can hold");
    std::uint64_t const image_pages = pages_of(notes.image_end - notes.virt_base);
    if (!guest_may_use(notes.virt_base, image_pages))
        return refuse("the kernel's addresses overlap the hypervisor's or end behind the address space");

    Plan plan;
    plan.pages = pages;
    plan.virt_base = notes.virt_base;
    plan.initrd_in_window = !notes.mod_start_pfn && initrd_bytes;
    plan.p2m_in_window = !notes.init_p2m;
    std::uint64_t const kernel_start = (notes.image_start - notes.virt_base) >> page_shift;
    std::uint64_t const initrd_pages = pages_of(initrd_bytes);
    std::uint64_t const p2m_pages = pages_of(pages * sizeof(std::uint64_t));

    // More tables make the window longer, a longer window needs more tables: the least number that suffices itself.
    // It only grows, and the window in the end fits the address space or is refused.
    for (std::uint64_t tables = 1;;) {
        lay_out_window(plan, kernel_start, image_pages - kernel_start, initrd_pages, p2m_pages, tables);
        if (!guest_may_use(plan.virt_base, plan.window.count))
            return refuse("kernel, initrd and page tables do not fit the address space above VIRT_BASE");
        plan.table_counts = count_tables(plan.virt_base, plan.window_end);
        std::uint64_t const needed = 1 + plan.table_counts.total();
        if (needed == tables)
            break;
        tables = needed;
    }

    Allotter behind(plan.window.count);
    if (!plan.initrd_in_window)
        plan.initrd = behind.take(initrd_pages);
    plan.p2m_address = plan.p2m_in_window ? plan.address_of(plan.p2m.first) : *notes.init_p2m;
    if (!plan.p2m_in_window) {
        std::uint64_t const start = *notes.init_p2m;
        if (!guest_may_use(start, p2m_pages))
            return refuse("INIT_P2M: the p2m array overlaps the hypervisor or ends behind the address space");
        std::uint64_t const slot = cpu::page_entry::span(4);
        std::uint64_t const end = start + (p2m_pages << page_shift);
        if (p2m_pages && start / slot <= (plan.window_end - 1) / slot && plan.virt_base / slot <= (end - 1) / slot)
            return refuse("INIT_P2M lies within 512 GiB of the kernel: they would share a level-3 page table");
        plan.p2m = behind.take(p2m_pages);
        if (p2m_pages)
            plan.p2m_table_counts = count_tables(start, end);
        plan.p2m_tables = behind.take(plan.p2m_table_counts.total());
    }
    plan.pages_needed = behind.next();
    return plan;
}

} // namespace rf::dom0
