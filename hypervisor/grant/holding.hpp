// SPDX-License-Identifier: MIT
#pragma once
/// How a grant is held and let go, under the table's lock: for a copy by itself, for mappings several at a time.

#include "base/address_map.hpp"
#include "base/panic.hpp"
#include "grant/table.hpp"

namespace rf::grant {

namespace detail {
/// How often we compete with the granter for one entry's word.
inline constexpr unsigned attempts = 5;
} // namespace detail

inline std::uint32_t* GrantTable::words(std::uint32_t ref) const
{
    auto* page = direct_as<std::uint32_t>(Mfn{frames_[ref / entries_per_frame]});
    return page + ref % entries_per_frame * 2;
}

inline GrantTable::ActiveEntry& GrantTable::active_entry(std::uint32_t ref) const
{
    return active_entries_[ref / entries_per_frame][ref % entries_per_frame];
}

/// Checks the shared entry and sets its in-use bits in one exchange. What an entry in use says about type and user does
/// not count any more, only whether it may be written. Errno::eacces (not granted), Errno::eagain (the granter keeps
/// changing it).
[[gnu::always_inline]] inline Status GrantTable::mark_used(std::uint32_t ref, DomainId user, Access access)
{
    bool const writes = access == Access::write;
    std::uint32_t asked = writes ? 0u + xen::GTF_readonly : 0u, wanted = 0;
    if (!active_entry(ref).in_use()) {
        asked |= xen::GTF_type_mask | 0xffff0000u;
        wanted = xen::GTF_permit_access | static_cast<std::uint32_t>(user.value) << 16;
    }
    std::uint32_t const uses = writes ? xen::GTF_reading | xen::GTF_writing : xen::GTF_reading;
    auto word = shared(words(ref)[0]);
    std::uint32_t seen = word.load(acquire);
    for (unsigned attempt = 0; attempt < detail::attempts; ++attempt) {
        if ((seen & asked) != wanted) [[unlikely]]
            return fail(Errno::eacces);
        if (word.compare_exchange_strong(seen, seen | uses, acq_rel, acquire)) [[likely]]
            return {};
    }
    return fail(Errno::eagain);
}

[[gnu::always_inline]] inline Granted<Mfn> GrantTable::hold_locked(std::uint32_t ref, DomainId user, Access access)
{
    if (dying_)
        return refuse(xen::GNTST_general_error);
    if (!cpu::clamp_index(ref, std::uint64_t{frames()} * entries_per_frame))
        return refuse(xen::GNTST_bad_gntref);
    ActiveEntry& entry = active_entry(ref);
    bool const first = !entry.in_use();
    if (!first && entry.user != user)
        return refuse(xen::GNTST_general_error);
    if (first || (access == Access::write && entry.writers == 0))
        if (!mark_used(ref, user, access))
            return refuse(xen::GNTST_general_error);
    if (first) {
        entry.user = user;
        entry.frame = shared(words(ref)[1]).load(relaxed);
        active_count_.store(active_count_.load(relaxed) + 1, relaxed); // changed under the lock only
    }
    ++(access == Access::write ? entry.writers : entry.readers);
    return Mfn{entry.frame};
}

[[gnu::always_inline]] inline void GrantTable::let_go_locked(std::uint32_t ref, Access access)
{
    ActiveEntry& entry = active_entry(ref);
    std::uint32_t& count = access == Access::write ? entry.writers : entry.readers;
    require(count > 0, "a grant was let go more often than held");
    --count;
    std::uint32_t over = 0;
    if (access == Access::write && entry.writers == 0)
        over |= xen::GTF_writing;
    if (!entry.in_use()) {
        over |= xen::GTF_reading;
        active_count_.store(active_count_.load(relaxed) - 1, relaxed);
    }
    if (over && !dying_)
        shared(words(ref)[0]).fetch_and(~over, release);
}

} // namespace rf::grant
