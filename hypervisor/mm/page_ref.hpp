// SPDX-License-Identifier: MIT
#pragma once
/// References on frames. Taking one may fail; giving back never does; the last one out frees the frame.

#include "base/result.hpp"
#include "mm/frame_table.hpp"

namespace rf::mm {

/// Takes a reference on `mfn` if it is RAM owned by `owner` and in use. Errno::einval (no RAM), Errno::eperm (other
/// owner), Errno::ebusy (being freed, or the count is full).
[[nodiscard]] Status take_reference(Mfn mfn, DomainId owner);
/// Gives a reference back; frees the frame when it was the last.
void drop_reference(Mfn mfn);
/// Takes a reference and a use as writable memory. Errno::ebusy while the frame is a page table or descriptor page.
[[nodiscard]] Status take_writable(Mfn mfn, DomainId owner);
/// Gives back what take_writable took.
void drop_writable(Mfn mfn);

/// Flushes every CPU that has not flushed everything since `stamp`, the field of a frame that was idle: they may still hold
/// translations through it or to it. Called by whoever changes its type, while nobody can use it as the new type yet.
void flush_stale(std::uint32_t stamp);

/// Only the use as writable memory, for a caller that holds a reference. Errno::ebusy as above.
[[nodiscard]] Status take_writable_use(Frame& frame);
/// Gives back what take_writable_use took; the caller still holds its reference.
void drop_writable_use(Frame& frame);

/// What a mapping holds: a reference, and a writable use if it may write.
enum class MappingAccess : std::uint8_t { read, write };

/// Gives back what `count` mappings held at one stroke. False: nothing was given back, since one of the counts ends.
[[nodiscard]] inline bool drop_mapping_at_once(Frame& frame, MappingAccess access, unsigned count = 1)
{
    bool const writes = access == MappingAccess::write;
    FrameState const state = frame.load();
    if (state.references() <= count || (writes && state.field() <= count)) [[unlikely]]
        return false;
    FrameState expected = state;
    return frame.exchange(expected, state.plus_references(-std::int64_t{count}).plus_type_uses(writes ? -std::int64_t{count} : 0));
}
/// The same to the last, one by one if need be. Device memory (a hole), which nobody counts, is left alone.
void drop_last_mappings(Frame& frame, MappingAccess access, unsigned count);
/// Gives back what `count` mappings held.
inline void drop_mapping(Frame& frame, MappingAccess access, unsigned count = 1)
{
    if (!drop_mapping_at_once(frame, access, count)) [[unlikely]]
        drop_last_mappings(frame, access, count);
}

namespace detail {
/// What was just taken, unless the frame was freed and given to someone else between the look at its owner and the taking.
[[nodiscard, gnu::always_inline]] inline bool stays_taken(Frame& frame, Atomic<std::uint16_t> const& owned_by, DomainId owner, MappingAccess access,
                                                          unsigned count)
{
    if (owned_by.load(relaxed) == owner.value) [[likely]]
        return true;
    drop_mapping(frame, access, count);
    return false;
}
} // namespace detail

/// Takes what `count` mappings hold at one stroke, where there is nothing to decide: the frame is in use and `owner`'s, and
/// written to by others already if it is to be written. False: nothing was taken, take_reference and take_writable_use will
/// tell why or do more.
[[nodiscard]] inline bool take_mapping(Frame& frame, DomainId owner, MappingAccess access, unsigned count = 1)
{
    bool const writes = access == MappingAccess::write;
    FrameState const state = frame.load();
    if (writes && (!state.counted_as(FrameType::writable) || state.field() > FrameState::type_count_max - count)) [[unlikely]]
        return false;
    Atomic<std::uint16_t> const& owned_by = frames.owner(frame);
    if (state.references() - 1 >= FrameState::references_max - count || owned_by.load(relaxed) != owner.value) [[unlikely]]
        return false;
    FrameState expected = state;
    if (!frame.exchange(expected, state.plus_references(count).plus_type_uses(writes ? count : 0))) [[unlikely]]
        return false;
    return detail::stays_taken(frame, owned_by, owner, access, count);
}

/// The same for writing, where nobody writes to the frame just now but it was last writable memory.
[[nodiscard]] inline bool take_first_writable_mapping(Frame& frame, DomainId owner, unsigned count = 1)
{
    FrameState const state = frame.load();
    Atomic<std::uint16_t> const& owned_by = frames.owner(frame);
    if (!state.idle_as(FrameType::writable) || owned_by.load(relaxed) != owner.value ||
        state.references() - 1 >= FrameState::references_max - count)
        return false;
    FrameState expected = state;
    if (!frame.exchange(expected, state.plus_references(count).with_uses(count)))
        return false;
    return detail::stays_taken(frame, owned_by, owner, MappingAccess::write, count);
}

/// Takes what `count` mappings hold, one by one, with all questions asked; all or nothing. Errors as take_writable.
[[nodiscard]] Status take_mappings_singly(Mfn mfn, DomainId owner, MappingAccess access, unsigned count);
/// The same, at one stroke where that is possible.
[[nodiscard, gnu::always_inline]] inline Status take_mappings(Mfn mfn, DomainId owner, MappingAccess access, unsigned count)
{
    if (Frame* const known = frames.find_even_hole(mfn); known && take_mapping(*known, owner, access, count)) [[likely]]
        return {};
    return take_mappings_singly(mfn, owner, access, count);
}

} // namespace rf::mm
