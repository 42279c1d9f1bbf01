// SPDX-License-Identifier: MIT
#include "dev/memory_map.hpp"

#include <algorithm>

namespace rf::dev {
namespace {

struct Range {
    std::uint64_t first, last; ///< bytes, inclusive
    std::uint32_t type;
};

constexpr std::size_t most_ranges = 512;

/// How strongly a type insists when ranges overlap: whoever may use less wins.
unsigned strength(std::uint32_t type)
{
    switch (type) {
    case xen::E820_RAM: return 0;
    case xen::E820_ACPI: return 1;
    case xen::E820_NVS: return 2;
    case xen::E820_RESERVED: return 3;
    default: return 4;
    }
}

/// A sorted map without overlaps, in which a range can be drawn over what is there.
class Map {
public:
    [[nodiscard]] Status draw(Range range)
    {
        FixedVector<Range, most_ranges> result;
        bool ok = true;
        auto const keep = [&](std::uint64_t first, std::uint64_t last, std::uint32_t type) {
            if (first <= last)
                ok = result.push_back({first, last, type}) && ok;
        };
        // Whatever of the new range lies in gaps or over weaker ranges is drawn; stronger ranges stay whole.
        std::uint64_t next = range.first;
        bool finished = false;
        for (Range const& old : ranges_) {
            if (old.last < range.first || old.first > range.last) {
                if (old.first > range.last && !finished)
                    finish(keep, range, next, finished);
                keep(old.first, old.last, old.type);
                continue;
            }
            if (strength(old.type) >= strength(range.type)) {
                if (old.first > next)
                    keep(next, old.first - 1, range.type);
                keep(old.first, old.last, old.type);
                advance(old.last, range, next, finished);
                continue;
            }
            if (old.first < range.first)
                keep(old.first, range.first - 1, old.type);
            if (old.last > range.last) {
                finish(keep, range, next, finished);
                keep(range.last + 1, old.last, old.type);
            }
        }
        if (!finished)
            finish(keep, range, next, finished);
        if (!ok)
            return fail(Errno::enospc);
        ranges_ = result;
        return {};
    }

    [[nodiscard]] Result<std::size_t> write(std::span<xen::e820entry> to) const
    {
        std::size_t count = 0;
        for (std::size_t i = 0; i < ranges_.size();) {
            Range merged = ranges_[i++];
            while (i < ranges_.size() && ranges_[i].type == merged.type && ranges_[i].first == merged.last + 1)
                merged.last = ranges_[i++].last;
            if (count == to.size())
                return fail(Errno::enospc);
            to[count++] = {.addr = merged.first, .size = merged.last - merged.first + 1, .type = merged.type};
        }
        return count;
    }

private:
    template <class Keep>
    static void finish(Keep const& keep, Range const& range, std::uint64_t next, bool& finished)
    {
        if (next <= range.last && !finished)
            keep(next, range.last, range.type);
        finished = true;
    }
    static void advance(std::uint64_t covered, Range const& range, std::uint64_t& next, bool& finished)
    {
        if (covered >= range.last)
            finished = true;
        else
            next = covered + 1;
    }
    FixedVector<Range, most_ranges> ranges_;
};

constexpr std::uint64_t local_apic_bytes = page_size;

} // namespace

Result<std::size_t> compose_machine_map(std::span<xen::e820entry const> host, acpi::Tables const& tables,
                                        std::span<xen::e820entry> to)
{
    Map map;
    for (auto const& entry : host) {
        std::uint64_t const last = entry.addr + (entry.size - 1);
        if (entry.size != 0 && last >= entry.addr)
            TRY(map.draw({entry.addr, last, entry.type}));
    }
    auto const reserve = [&map](std::uint64_t address, std::uint64_t bytes) {
        return map.draw({address, address + bytes - 1, xen::E820_RESERVED});
    };
    TRY(reserve(tables.local_apic_address & page_mask, local_apic_bytes));
    for (auto const& io_apic : tables.io_apics)
        TRY(reserve(io_apic.address & page_mask, page_size));
    return map.write(to);
}

} // namespace rf::dev
