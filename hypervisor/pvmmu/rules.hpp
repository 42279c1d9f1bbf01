// SPDX-License-Identifier: MIT
#pragma once
/// Which entries a guest may write, as pure functions of the bits: an allow-list per level, and what we change in an
/// admitted entry before the processor sees it. No references are involved here.

#include "base/result.hpp"
#include "pvmmu/entry.hpp"

namespace rf::pvmmu {

/// Machine frame numbers at or above this cannot occur (set at boot from the CPU's physical address width).
struct EntryLimits {
    std::uint64_t frame_limit = 1ull << 40;
};

/// May the mapping choose how memory is cached? Only domains that drive devices may.
enum class Caching : std::uint8_t { fixed, free };

/// Checks a present entry of `level` (1..4). Errno::einval.
[[nodiscard]] constexpr Status admit(Entry entry, unsigned level, Caching caching, EntryLimits limits)
{
    std::uint64_t allowed = Entry::present | Entry::writable | Entry::user | Entry::accessed | Entry::dirty |
                            Entry::available_low | Entry::available_high | Entry::no_execute;
    if (level == 1) {
        allowed |= Entry::global;
        if (caching == Caching::free)
            allowed |= Entry::cache_bits;
    }
    if (entry.flags() & ~allowed)
        return fail(Errno::einval);
    if (entry.frame().value >= limits.frame_limit)
        return fail(Errno::einval);
    return {};
}

/// Checks an entry that is not present: some processors follow it all the same, as far as to what their first cache holds
/// (L1TF). So it names frame 0, which holds nothing, or none below `end_of_memory` (0: not looked at); address bits above
/// the cache's own, `cache_address_bits`, do not count. Errno::einval.
[[nodiscard]] constexpr Status admit_absent(Entry entry, std::uint64_t end_of_memory)
{
    if (end_of_memory == 0) [[likely]]
        return {};
    constexpr unsigned cache_address_bits = 44; // the least of any affected processor; more bits could only make it higher
    std::uint64_t const frame = entry.frame().value & ((1ull << (cache_address_bits - page_shift)) - 1);
    return frame == 0 || frame >= end_of_memory ? Status{} : fail(Errno::einval);
}

/// The entry as the processor gets it. Guests run in ring 3, so every mapping is a user mapping to the processor; what
/// the guest meant for its kernel only is marked with guest_kernel and reachable only through its kernel root.
[[nodiscard]] constexpr Entry adjust(Entry entry, unsigned level)
{
    if (!entry.is_present())
        return entry;
    if (level == 4)
        return entry.with(Entry::user | Entry::accessed);
    if (level > 1)
        return entry.with(Entry::user);
    if (!entry.has(Entry::user))
        return entry.with(Entry::user | Entry::guest_kernel);
    return entry.has(Entry::guest_kernel) ? entry : entry.with(Entry::global);
}

/// Device memory is never cached: write-back, write-through and write-protected become uncached; the uncached kinds and
/// write-combining stay (PAT order: WB WT UC- UC WC WP UC UC).
[[nodiscard]] constexpr Entry uncached(Entry entry)
{
    unsigned const index = (entry.has(Entry::pat) ? 4u : 0) | (entry.has(Entry::cache_disable) ? 2u : 0) |
                           (entry.has(Entry::write_through) ? 1u : 0);
    constexpr unsigned write_back = 0, write_through = 1, write_protected = 5;
    if (index != write_back && index != write_through && index != write_protected)
        return entry;
    return entry.with(Entry::cache_disable | Entry::write_through, Entry::cache_bits);
}

/// True when replacing `old` by `fresh` changes neither target nor rights: no references move.
[[nodiscard]] constexpr bool same_mapping(Entry old, Entry fresh)
{
    return old.is_present() && fresh.is_present() && ((old.bits() ^ fresh.bits()) & ~Entry::harmless) == 0;
}

} // namespace rf::pvmmu
