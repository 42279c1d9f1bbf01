// SPDX-License-Identifier: MIT
#pragma once
/// References held by level-1 entries.

#include "mm/page_ref.hpp"
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

/// Checks a present level-1 entry for `space` and takes the references that it stands for: one on the target frame, and
/// a writable use if it is writable. `target` names the domain that must own the frame (the space's own, or one that the
/// caller may map). Yields the entry as it is to be stored.
/// Errno::einval (bits, no such frame), Errno::eperm (device memory without the right), Errno::ebusy (other owner, or
/// writable while a page table), Errno::eacces (cache attributes on a hypervisor page).
[[nodiscard, gnu::always_inline]] inline Result<Entry> take_leaf(Space& space, Entry entry, DomainId target);
/// The same, with all questions asked one by one: what take_leaf does when the entry or its frame is not the usual kind.
[[nodiscard]] Result<Entry> take_unusual_leaf(Space& space, Entry entry, DomainId target);

/// Gives back what the stored entry held. Never fails.
[[gnu::always_inline]] inline void drop_leaf(Entry entry);

[[nodiscard]] constexpr mm::MappingAccess access_of(Entry entry)
{
    return entry.is_writable() ? mm::MappingAccess::write : mm::MappingAccess::read;
}

/// take_leaf where nothing about the entry is unusual; it is stored as adjust() has it then. False: nothing was taken.
[[nodiscard, gnu::always_inline]] inline bool take_usual_leaf(Entry entry, DomainId target)
{
    // Bits that every domain may set, and a frame of RAM that a domain owns: no rule of admit() is left to ask.
    constexpr std::uint64_t usual = Entry::present | Entry::writable | Entry::user | Entry::accessed | Entry::dirty |
                                    Entry::global | Entry::available_low | Entry::available_high | Entry::no_execute;
    if (entry.flags() & ~usual || target >= domid_first_reserved) [[unlikely]]
        return false;
    mm::Frame* const frame = mm::frames.find(entry.frame());
    return frame && mm::take_mapping(*frame, target, access_of(entry));
}

inline Result<Entry> take_leaf(Space& space, Entry entry, DomainId target)
{
    return take_usual_leaf(entry, target) ? adjust(entry, 1) : take_unusual_leaf(space, entry, target);
}

inline void drop_leaf(Entry entry)
{
    if (!entry.is_present())
        return;
    mm::Frame* const frame = mm::frames.find(entry.frame());
    if (frame && frame->owner_id() != domid_io) [[likely]]
        mm::drop_mapping(*frame, access_of(entry));
}

} // namespace rf::pvmmu
