// SPDX-License-Identifier: MIT
/// The granter's side: shared and active entries. Mapping is in table_map.cpp.
#include "grant/table.hpp"

#include "grant/holding.hpp"
#include "mm/page_ref.hpp"

namespace rf::grant {

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

Granted<Mfn> GrantTable::hold(std::uint32_t ref, DomainId user, Access access)
{
    LockGuard guard(lock_);
    return hold_locked(ref, user, access);
}

void GrantTable::let_go(std::uint32_t ref, Access access)
{
    LockGuard guard(lock_);
    let_go_locked(ref, access);
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
