// SPDX-License-Identifier: MIT
#include "dom0/page_tables.hpp"

#include "base/address_map.hpp"
#include "pvmmu/entry.hpp"

namespace rf::dom0 {
namespace {

using pvmmu::Entry;

constexpr std::uint64_t table_flags =
    Entry::present | Entry::writable | Entry::user | Entry::accessed | Entry::dirty;
/// The kernel's own pages: user pages to the processor, marked as what they are.
constexpr std::uint64_t page_flags = table_flags | Entry::guest_kernel;

constexpr unsigned level_shift(unsigned level) { return page_shift + 9 * (level - 1); }

/// The tables below the top level that map one range of addresses: first all of level 3, then 2, then 1.
class TableTree {
public:
    TableTree(FrameList const& frames, Mfn root, std::uint64_t start, Pfn first, TableCounts counts)
        : frames_(frames), root_(root), start_(start),
          first_{first + (counts.level3 + counts.level2), first + counts.level3, first}
    {
    }

    /// The table of `level` that maps `address`.
    [[nodiscard]] Mfn table(std::uint64_t address, unsigned level) const
    {
        if (level == 4)
            return root_;
        unsigned const shift = level_shift(level + 1);
        return frames_[first_[level - 1] + ((address >> shift) - (start_ >> shift))];
    }
    void set(std::uint64_t address, unsigned level, Entry entry) const
    {
        direct_as<std::uint64_t>(table(address, level))[pvmmu::table_index(address, level)] = entry.bits();
    }
    /// Enters all tables of `level` - 1 that map up to `end` into those of `level`.
    void link(unsigned level, std::uint64_t end) const
    {
        std::uint64_t const step = 1ull << level_shift(level);
        std::uint64_t address = start_ & ~(step - 1);
        for (std::uint64_t left = (end - 1) / step - start_ / step + 1; left; --left, address += step)
            set(address, level, Entry::of(table(address, level - 1), table_flags));
    }
    void link_all(std::uint64_t end) const
    {
        for (unsigned level = 4; level > 1; --level)
            link(level, end);
    }

    /// Maps `pages` from `address` on; `entry_of(pfn, mfn)` gives each page's entry.
    template <class EntryOf>
    void map(std::uint64_t address, PfnRange pages, EntryOf entry_of) const
    {
        frames_.for_each_run(pages, [&](Pfn pfn, Mfn mfn, std::uint64_t count) {
            std::uint64_t* entries = nullptr;
            for (std::uint64_t i = 0; i < count; ++i, address += page_size) {
                unsigned const index = pvmmu::table_index(address, 1);
                if (!entries || index == 0)
                    entries = direct_as<std::uint64_t>(table(address, 1));
                entries[index] = entry_of(pfn + i, mfn + i).bits();
            }
        });
    }

private:
    FrameList const& frames_;
    Mfn root_;
    std::uint64_t start_;
    Pfn first_[3]; ///< first table of level 1, 2, 3
};

} // namespace

void write_page_tables(Plan const& plan, FrameList const& frames)
{
    Mfn const root = frames[plan.tables.first];
    TableTree const window(frames, root, plan.virt_base, plan.tables.first + 1, plan.table_counts);
    window.link_all(plan.window_end);
    window.map(plan.virt_base, plan.window, [&](Pfn pfn, Mfn mfn) {
        return Entry::of(mfn, plan.tables.contains(pfn) ? page_flags & ~Entry::writable : page_flags);
    });

    if (plan.p2m_in_window || plan.p2m.count == 0)
        return;
    TableTree const p2m(frames, root, plan.p2m_address, plan.p2m_tables.first, plan.p2m_table_counts);
    p2m.link_all(plan.p2m_address + (plan.p2m.count << page_shift));
    p2m.map(plan.p2m_address, plan.p2m, [](Pfn, Mfn mfn) { return Entry::of(mfn, page_flags); });
}

} // namespace rf::dom0
