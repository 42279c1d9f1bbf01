// SPDX-License-Identifier: MIT
/// The granter's side: shared and active entries. Mapping is in table_map.cpp.
#include "grant/table.hpp"

#include "base/address_map.hpp"
#include "base/panic.hpp"
#include "mm/page_ref.hpp"

namespace rf::grant {
namespace {

/// How often we compete with the granter for one entry's word.
constexpr unsigned attempts = 5;

} // namespace

GrantTable::~GrantTable()
{
    require(active() == 0 && mappings() == 0, "grant table destroyed while grants are in use");
    for (std::uint32_t index = 0; index < frames(); ++index)
        memory_.structures.release(active_entries_[index], entries_per_frame * sizeof(ActiveEntry));
}

std::uint64_t GrantTable::most_bytes(std::uint32_t max_frames, std::uint32_t max_maptrack_frames)
{
    std::uint64_t const lists = mm::heap_footprint(max_frames * sizeof(std::uint64_t)) + mm::heap_footprint(max_frames * sizeof(ActiveEntry*));
    std::uint64_t const each = page_size + mm::heap_footprint(entries_per_frame * sizeof(ActiveEntry));
    return lists + max_frames * each + Maptrack::most_bytes(max_maptrack_frames);
}

Status GrantTable::init(std::uint32_t max_frames, std::uint32_t max_maptrack_frames)
{
    if (max_frames == 0 || max_frames > frames_ceiling)
        return fail(Errno::einval);
    frames_ = TRY(mm::Array<std::uint64_t>::make(max_frames, &memory_.structures));
    active_entries_ = TRY(mm::Array<ActiveEntry*>::make(max_frames, &memory_.structures));
    TRY(maptrack_.init(max_maptrack_frames));
    return grow_to(1);
}

Status GrantTable::grow_to(std::uint32_t count)
{
    LockGuard guard(lock_);
    return grow_locked(count);
}

Status GrantTable::grow_locked(std::uint32_t count)
{
    if (dying_ || count > frame_limit())
        return fail(Errno::einval);
    while (frames() < count)
        TRY(add_frame());
    return {};
}

Status GrantTable::add_frame()
{
    void* active = memory_.structures.allocate(entries_per_frame * sizeof(ActiveEntry));
    if (!active)
        return fail(Errno::enomem);
    auto const frame = memory_.allocate_shared();
    // Our own use keeps the frame a shared one, whatever the guest does with its reference on it.
    if (!frame || !mm::take_writable(*frame, owner_)) {
        if (frame)
            (void)memory_.give_up(*frame); // cannot fail: allocated just now
        memory_.structures.release(active, entries_per_frame * sizeof(ActiveEntry));
        return fail(Errno::enomem);
    }
    std::uint32_t const index = frame_count_.load(relaxed);
    frames_[index] = frame->value;
    active_entries_[index] = static_cast<ActiveEntry*>(active);
    frame_count_.store(index + 1, release);
    return {};
}

Result<Mfn> GrantTable::frame(std::uint32_t index)
{
    LockGuard guard(lock_);
    if (index >= frame_limit())
        return fail(Errno::einval);
    TRY(grow_locked(index + 1));
    return Mfn{frames_[index]};
}

Status GrantTable::seed(std::uint32_t ref, DomainId user, Mfn frame, std::uint16_t flags)
{
    LockGuard guard(lock_);
    if (ref / entries_per_frame >= frame_limit() || frame.value > ~0u)
        return fail(Errno::einval);
    TRY(grow_locked(ref / entries_per_frame + 1));
    std::uint32_t* entry = words(ref);
    shared(entry[1]).store(static_cast<std::uint32_t>(frame.value), relaxed);
    shared(entry[0]).store(flags | static_cast<std::uint32_t>(user.value) << 16, release);
    return {};
}

std::uint32_t* GrantTable::words(std::uint32_t ref) const
{
    auto* page = direct_as<std::uint32_t>(Mfn{frames_[ref / entries_per_frame]});
    return page + ref % entries_per_frame * 2;
}

GrantTable::ActiveEntry& GrantTable::active_entry(std::uint32_t ref) const
{
    return active_entries_[ref / entries_per_frame][ref % entries_per_frame];
}

/// Checks the shared entry and sets its in-use bits in one exchange. What an entry in use says about type and user does
/// not count any more, only whether it may be written. Errno::eacces (not granted), Errno::eagain (the granter keeps
/// changing it).
[[gnu::always_inline]] inline Status GrantTable::mark_used(std::uint32_t ref, DomainId user, Access access)
{
    bool const first = !active_entry(ref).in_use();
    auto word = shared(words(ref)[0]);
    std::uint32_t seen = word.load(acquire);
    for (unsigned attempt = 0; attempt < attempts; ++attempt) {
        bool const granted = (seen & xen::GTF_type_mask) == xen::GTF_permit_access && seen >> 16 == user.value;
        if ((first && !granted) || (access == Access::write && seen & xen::GTF_readonly))
            return fail(Errno::eacces);
        std::uint32_t const uses = access == Access::write ? xen::GTF_reading | xen::GTF_writing : xen::GTF_reading;
        if (word.compare_exchange_strong(seen, seen | uses, acq_rel, acquire))
            return {};
    }
    return fail(Errno::eagain);
}

Granted<Mfn> GrantTable::hold(std::uint32_t ref, DomainId user, Access access)
{
    LockGuard guard(lock_);
    if (dying_)
        return refuse(xen::GNTST_general_error);
    if (ref / entries_per_frame >= frames())
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

void GrantTable::let_go(std::uint32_t ref, Access access)
{
    LockGuard guard(lock_);
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

/// The owner is dead: nobody looks at its entries any more. Active entries stay for those who hold grants.
void GrantTable::drop_frames()
{
    LockGuard guard(lock_);
    if (frames_dropped_)
        return;
    frames_dropped_ = true;
    for (std::uint32_t index = 0; index < frames(); ++index)
        mm::drop_writable(Mfn{frames_[index]});
}

} // namespace rf::grant
