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

/// Flushes every CPU that has not flushed everything since the frame was stamped: they may still hold translations through
/// it or to it. Called by whoever changes its type, while nobody can use it as the new type yet.
void flush_stale(Frame const& frame);

/// Only the use as writable memory, for a caller that holds a reference. Errno::ebusy as above.
[[nodiscard]] Status take_writable_use(Frame& frame);
/// Gives back what take_writable_use took; the caller still holds its reference.
void drop_writable_use(Frame& frame);

/// What a mapping holds: a reference, and a writable use if it may write.
enum class MappingAccess : std::uint8_t { read, write };

/// Gives back what a mapping held: both counts at one stroke unless one of them ends.
inline void drop_mapping(Frame& frame, MappingAccess access)
{
    bool const writes = access == MappingAccess::write;
    FrameState const state = frame.load();
    if (state.references() > 1 && (!writes || state.type_count() > 1)) [[likely]] {
        FrameState expected = state;
        if (frame.exchange(expected, state.plus_references(-1).plus_type_uses(writes ? -1 : 0))) [[likely]]
            return;
    }
    if (writes)
        drop_writable_use(frame);
    drop_reference(frames.number(frame));
}

/// Takes what a mapping holds at one stroke, where there is nothing to decide: the frame is in use and `owner`'s, and
/// writable memory already if it is to be written. False: nothing was taken, take_reference and take_writable_use will
/// tell why or do more.
[[nodiscard]] inline bool take_mapping(Frame& frame, DomainId owner, MappingAccess access)
{
    bool const writes = access == MappingAccess::write;
    FrameState const state = frame.load();
    if (state.references() - 1 >= FrameState::references_max - 1 || frame.owner_id() != owner) [[unlikely]]
        return false;
    if (writes && ((state.type() != FrameType::writable && state.type() != FrameType::shared) ||
                   state.type_count() == FrameState::type_count_max)) [[unlikely]]
        return false;
    FrameState expected = state;
    if (!frame.exchange(expected, state.plus_references(1).plus_type_uses(writes ? 1 : 0))) [[unlikely]]
        return false;
    if (frame.owner_id() == owner) [[likely]]
        return true;
    drop_mapping(frame, access); // freed and given to someone else between the two looks
    return false;
}

} // namespace rf::mm
