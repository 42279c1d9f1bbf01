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
/// `usual`: usual_frame() of the entry.
[[nodiscard]] Result<Entry> take_unusual_leaf(Space& space, Entry entry, DomainId target, mm::Frame* usual);

/// Gives back what the stored entry held. Never fails.
[[gnu::always_inline]] inline void drop_leaf(Entry entry);

[[nodiscard]] constexpr mm::MappingAccess access_of(Entry entry)
{
    return entry.is_writable() ? mm::MappingAccess::write : mm::MappingAccess::read;
}

/// The frame that the entry names, if nothing about the entry is unusual: its bits are such that every domain may set, and
/// `target` can own memory. If that frame is `target`'s, no rule of admit() is left to ask, and the entry is stored as adjust()
/// has it. Null otherwise.
[[nodiscard, gnu::always_inline]] inline mm::Frame* usual_frame(Entry entry, DomainId target)
{
    constexpr std::uint64_t usual = Entry::present | Entry::writable | Entry::user | Entry::accessed | Entry::dirty |
                                    Entry::global | Entry::available_low | Entry::available_high | Entry::no_execute;
    if (entry.flags() & ~usual || target >= domid_first_reserved) [[unlikely]]
        return nullptr;
    return mm::frames.find_even_hole(entry.frame());
}

/// take_leaf for the frame of a usual entry, if its counts only go up. False: nothing was taken.
[[nodiscard, gnu::always_inline]] inline bool take_usual_leaf(mm::Frame* frame, Entry entry, DomainId target)
{
    return frame && mm::take_mapping(*frame, target, access_of(entry));
}

inline Result<Entry> take_leaf(Space& space, Entry entry, DomainId target)
{
    mm::Frame* const frame = usual_frame(entry, target);
    return take_usual_leaf(frame, entry, target) ? adjust(entry, 1) : take_unusual_leaf(space, entry, target, frame);
}

inline void drop_leaf(Entry entry)
{
    if (!entry.is_present())
        return;
    mm::Frame* const frame = mm::frames.find_even_hole(entry.frame());
    if (!frame || mm::drop_mapping_at_once(*frame, access_of(entry))) [[likely]]
        return;
    mm::drop_last_mappings(*frame, access_of(entry), 1);
}

} // namespace rf::pvmmu
