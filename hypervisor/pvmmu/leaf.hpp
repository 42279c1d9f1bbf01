// SPDX-License-Identifier: MIT
#pragma once
/// References held by level-1 entries.

#include "mm/frame.hpp"
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

/// Checks a present level-1 entry for `space` and takes the references that it stands for: one on the target frame, and
/// a writable use if it is writable. `target` names the domain that must own the frame (the space's own, or one that the
/// caller may map). Yields the entry as it is to be stored.
/// Errno::einval (bits, no such frame), Errno::eperm (device memory without the right), Errno::ebusy (other owner, or
/// writable while a page table), Errno::eacces (cache attributes on a hypervisor page).
[[nodiscard]] Result<Entry> take_leaf(Space& space, Entry entry, DomainId target);

/// Gives back what the stored entry held. Never fails.
void drop_leaf(Entry entry);

} // namespace rf::pvmmu
