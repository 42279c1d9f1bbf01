// SPDX-License-Identifier: MIT
#include "mm/hypervisor_space.hpp"

#include "cpu/page_entry.hpp"
#include "mm/m2p.hpp"

namespace rf::mm {
namespace {

namespace entry = cpu::page_entry;

/// Flags of a leaf at `level`. Accessed and dirty are set in advance: the processor need not write them.
[[nodiscard]] std::uint64_t leaf_flags(Access access, Caching caching, unsigned level)
{
    std::uint64_t flags = entry::present | entry::accessed | entry::global;
    if (level > 1)
        flags |= entry::large;
    if (access == Access::write)
        flags |= entry::writable | entry::dirty;
    if (access != Access::execute)
        flags |= entry::no_execute;
    if (access == Access::guest_read)
        flags |= entry::user;
    if (caching == Caching::uncached)
        flags |= entry::cache_disable | entry::write_through; // PAT index 3
    if (caching == Caching::write_combining)
        flags |= level == 1 ? entry::pat_4k : 1ull << 12; // PAT index 4
    return flags;
}

[[nodiscard]] Mfn frame_in(std::uint64_t table_entry)
{
    return Mfn{(table_entry & entry::address_mask) >> page_shift};
}

} // namespace

constinit HypervisorSpace hypervisor_space;

Status HypervisorSpace::create(TableSource source)
{
    source_ = source;
    root_ = TRY(source_());
    return {};
}

Result<std::uint64_t*> HypervisorSpace::entry_for(std::uint64_t virtual_address, unsigned level, Access access)
{
    Mfn table = root_;
    for (unsigned at = 4;; --at) {
        std::uint64_t& slot = direct_as<std::uint64_t>(table)[entry::index(virtual_address, at)];
        if (at == level)
            return &slot;
        if (!(slot & entry::present)) {
            Mfn const fresh = TRY(source_());
            // Rights are decided by the leaf, except that ring 3 needs leave at every level.
            std::uint64_t const guest = access == Access::guest_read ? entry::user : 0;
            slot = fresh.value << page_shift | entry::present | entry::writable | entry::accessed | guest;
        } else if (at < 4 && slot & entry::large) {
            return fail(Errno::eexist);
        }
        table = frame_in(slot);
    }
}

Status HypervisorSpace::map(std::uint64_t virtual_address, MachineAddress machine, std::uint64_t bytes, Access access,
                            Caching caching, PageLimit largest)
{
    while (bytes) {
        unsigned level = static_cast<unsigned>(largest);
        while (((virtual_address | machine.value) & (entry::span(level) - 1)) || bytes < entry::span(level))
            --level;
        std::uint64_t& slot = *TRY(entry_for(virtual_address, level, access));
        if (slot & entry::present)
            return fail(Errno::eexist);
        slot = machine.value | leaf_flags(access, caching, level);
        virtual_address += entry::span(level);
        machine.value += entry::span(level);
        bytes -= entry::span(level);
    }
    return {};
}

Mfn HypervisorSpace::frame_of(std::uint64_t virtual_address) const
{
    Mfn table = root_;
    for (unsigned level = 4; level >= 1; --level) {
        std::uint64_t const slot = direct_as<std::uint64_t>(table)[entry::index(virtual_address, level)];
        if (!(slot & entry::present))
            return invalid_mfn;
        if (level == 1)
            return frame_in(slot);
        if (level < 4 && slot & entry::large) {
            std::uint64_t const inside = virtual_address & (entry::span(level) - 1);
            std::uint64_t const base = slot & entry::address_mask & ~(entry::span(level) - 1);
            return Mfn{(base + inside) >> page_shift};
        }
        table = frame_in(slot);
    }
    return invalid_mfn;
}

std::span<std::uint64_t const, 16> hypervisor_slots()
{
    auto const* table = direct_as<std::uint64_t const>(hypervisor_space.root());
    return std::span<std::uint64_t const, 16>(table + address_map::first_hypervisor_slot, 16);
}

Mfn idle_root() { return hypervisor_space.root(); }

Mfn m2p_piece(std::uint64_t index)
{
    constexpr std::uint64_t frames_per_piece = entry::span(2) / sizeof(std::uint64_t);
    if (index >= (m2p_limit.value + frames_per_piece - 1) / frames_per_piece)
        return invalid_mfn;
    return hypervisor_space.frame_of(address_map::m2p_guest + index * entry::span(2));
}

bool is_m2p_frame(Mfn mfn)
{
    constexpr std::uint64_t bytes_per_piece = entry::span(2);
    std::uint64_t const pieces = (m2p_limit.value * sizeof(std::uint64_t) + bytes_per_piece - 1) / bytes_per_piece;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        Mfn const piece = m2p_piece(i);
        if (piece.valid() && mfn >= piece && mfn < piece + table_entries)
            return true;
    }
    return false;
}

} // namespace rf::mm
