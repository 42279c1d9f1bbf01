// SPDX-License-Identifier: MIT
#pragma once
/// References on frames. Taking one may fail; giving back never does; the last one out frees the frame.

#include "base/result.hpp"
#include "mm/frame.hpp"

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

} // namespace rf::mm
