// SPDX-License-Identifier: MIT
#include "builder/page_tables.hpp"

#include <algorithm>

#include "cpu/page_entry.hpp"

namespace rf::builder {
namespace {

using namespace cpu::page_entry;

constexpr std::uint64_t table_flags = present | writable | user | accessed | dirty;
/// Without `user`: the hypervisor marks such pages as the guest kernel's own.
constexpr std::uint64_t page_flags = present | writable | accessed | dirty;

/// One range of addresses and its tables, which lie one behind the other: all of level 3, then 2, then 1. Since tables of
/// one level are contiguous, each level is one flat array of entries.
class Tree {
public:
    Tree(std::uint64_t start, std::uint64_t end, dom0::TableCounts counts, std::span<std::uint64_t> tables, Pfn first_table)
        : start_(start), end_(end)
    {
        const std::uint64_t sizes[] = {counts.level1, counts.level2, counts.level3};
        std::uint64_t skipped = 0;
        for (unsigned level = 3; level >= 1; --level) {
            entries_[level - 1] = tables.subspan(skipped * table_entries, sizes[level - 1] * table_entries);
            first_[level - 1] = first_table + skipped;
            skipped += sizes[level - 1];
        }
    }

    /// Enters the tables of each level into the level above.
    void link(std::span<std::uint64_t> root, FrameTable frames)
    {
        for (unsigned level = 3; level >= 1; --level) {
            std::uint64_t table = first_[level - 1].value;
            for (std::uint64_t unit = start_ / span(level + 1); unit <= (end_ - 1) / span(level + 1); ++unit, ++table) {
                std::uint64_t& entry = level == 3 ? root[unit % table_entries] : entries_[level][unit - origin(level + 1)];
                entry = frames[table] << page_shift | table_flags;
            }
        }
    }
    /// Level 1: entry_of(index of the page in the range).
    template <class EntryOf>
    void map(EntryOf entry_of)
    {
        std::uint64_t at = start_ / page_size - origin(1);
        for (std::uint64_t page = 0; page < (end_ - start_) / page_size; ++page)
            entries_[0][at++] = entry_of(page);
    }

private:
    /// Number of the first entry in the flat array of `level`, counted in that level's units from address 0.
    [[nodiscard]] std::uint64_t origin(unsigned level) const { return start_ / span(level + 1) * table_entries; }

    std::uint64_t start_, end_;
    std::span<std::uint64_t> entries_[3];  ///< of levels 1, 2, 3
    Pfn first_[3];                         ///< frame of the first table of levels 1, 2, 3
};

}  // namespace

void write_window_tables(const dom0::Plan& plan, FrameTable frames, std::span<std::uint64_t> tables)
{
    std::ranges::fill(tables, 0);
    const std::span root = tables.first(table_entries);
    Tree tree(plan.virt_base, plan.window_end, plan.table_counts, tables.subspan(table_entries), plan.tables.first + 1);
    tree.link(root, frames);
    tree.map([&](std::uint64_t page) {
        const std::uint64_t flags = plan.tables.contains(Pfn{page}) ? page_flags & ~writable : page_flags;
        return frames[page] << page_shift | flags;
    });
}

void write_p2m_tables(const dom0::Plan& plan, FrameTable frames, std::span<std::uint64_t> root, std::span<std::uint64_t> tables)
{
    std::ranges::fill(tables, 0);
    const std::uint64_t end = plan.p2m_address + (plan.p2m.count << page_shift);
    Tree tree(plan.p2m_address, end, plan.p2m_table_counts, tables, plan.p2m_tables.first);
    tree.link(root, frames);
    tree.map([&](std::uint64_t page) { return frames[plan.p2m.first.value + page] << page_shift | page_flags; });
}

void write_p2m(FrameTable frames, std::span<std::uint64_t> array)
{
    const auto end = std::ranges::copy(frames, array.begin()).out;
    std::fill(end, array.end(), ~std::uint64_t{0});
}

}  // namespace rf::builder
