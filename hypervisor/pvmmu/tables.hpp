// SPDX-License-Identifier: MIT
#pragma once
/// Frames as page tables: taking and dropping a use of a frame as a table of some level.
///
/// The first use validates the frame: every entry is checked and takes its references; tables below are validated first.
/// Validation keeps its place in the frames' own words (mm/frame.hpp, phases building and unwinding), so it can stop when
/// the budget is used up and go on when the guest repeats its request. A partial table holds one use and one
/// reference of its own; whoever completes it inherits them.
///
/// The last use going away undoes the frame: its entries give their references back, one budgeted step at a time, from
/// the list in Space::unwinding. While a frame is undone it stays in phase unwinding, so nobody can use it as anything.
///
/// All functions need Space::lock held and Space::unwinding empty on entry (drain first).

#include "base/budget.hpp"
#include "mm/frame.hpp"
#include "pvmmu/space.hpp"

namespace rf::pvmmu {

/// What one segment of a call may do here: a unit comes to 300 instructions at worst (docs/security/bounds.md).
inline constexpr std::uint32_t units_per_segment = 128;

/// Goes on undoing tables. Progress::more: the budget is used up, call again.
[[nodiscard]] Progress drain_tables(Space& space, Budget& budget);
[[nodiscard]] inline Progress drain(Space& space, Budget& budget)
{
    return space.unwinding_depth == 0 ? Progress::done : drain_tables(space, budget);
}

/// Takes a reference on and a use of `mfn` as a table of `level`, validating it if nobody uses it yet.
/// Progress::more: call again with the same arguments after a preemption point.
/// Errno::einval (no RAM, an entry is not admissible), Errno::eperm (not the domain's), Errno::ebusy (in other use).
[[nodiscard]] Result<Progress> take_table(Space& space, Mfn mfn, unsigned level, Budget& budget);

/// Gives back what take_table took. The undoing that may follow is left to drain().
void drop_table(Space& space, Mfn mfn);

/// Undoes a table whose validation stopped midway and whose guest will not repeat its request (teardown).
void abandon(Space& space, Mfn mfn);

/// True when the frame is a validated table of `level` that this domain owns. Needs Space::lock.
[[nodiscard]] bool is_table(Space const& space, Mfn mfn, unsigned level);

} // namespace rf::pvmmu
