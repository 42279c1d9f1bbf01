// SPDX-License-Identifier: MIT
#include "pvmmu/leaf.hpp"

#include "mm/frame_table.hpp"
#include "mm/hypervisor_space.hpp"
#include "mm/page_ref.hpp"

namespace rf::pvmmu {
namespace {

/// No RAM behind the frame: device memory, which nobody counts.
[[nodiscard]] Result<Entry> take_device(Space& space, Entry entry)
{
    std::uint64_t const frame = entry.frame().value;
    Rights const& rights = *space.rights.load(acquire);
    if (!rights.device_frames.contains(frame, frame))
        return fail(Errno::eperm);
    if (entry.is_writable() && rights.read_only_frames.contains(frame, frame))
        entry = entry.with(0, Entry::writable);
    return adjust(uncached(entry), 1);
}

/// All questions asked one by one.
[[gnu::noinline]] Result<Entry> take_odd_leaf(Space& space, Entry entry, DomainId target)
{
    Caching const caching = space.rights.load(acquire)->drives_devices() ? Caching::free : Caching::fixed;
    TRY(admit(entry, 1, caching, entry_limits));
    mm::Frame* const frame = mm::frames.find(entry.frame());
    if (!frame)
        return take_device(space, entry);

    // Of the hypervisor's own frames only the M2P may be seen.
    if (target == domid_xen && (entry.is_writable() || !mm::is_m2p_frame(entry.frame())))
        return fail(Errno::eacces);
    if (!mm::take_reference(entry.frame(), target))
        return fail(Errno::ebusy);
    bool const odd_caching = entry.has(Entry::cache_bits);
    if (odd_caching && frame->load().type() == mm::FrameType::shared) {
        mm::drop_reference(entry.frame());
        return fail(Errno::eacces);
    }
    if (entry.is_writable() && !mm::take_writable_use(*frame)) {
        mm::drop_reference(entry.frame());
        return fail(Errno::ebusy);
    }
    return adjust(entry, 1);
}

} // namespace

Result<Entry> take_unusual_leaf(Space& space, Entry entry, DomainId target, mm::Frame* usual)
{
    if (usual && entry.is_writable() && mm::take_first_writable_mapping(*usual, target))
        return adjust(entry, 1);
    return take_odd_leaf(space, entry, target);
}

} // namespace rf::pvmmu
