// SPDX-License-Identifier: MIT
#include "pvmmu/tables.hpp"

#include "base/address_map.hpp"
#include "base/panic.hpp"
#include "cpu/tlb.hpp"
#include "mm/frame_table.hpp"
#include "mm/page_ref.hpp"
#include "pvmmu/leaf.hpp"

namespace rf::pvmmu {
namespace {

using mm::Frame;
using mm::FrameState;
using mm::FrameType;

[[nodiscard]] std::uint64_t* entries_of(Mfn mfn) { return direct_as<std::uint64_t>(mfn); }

[[nodiscard]] Entry read_entry(Mfn table, unsigned index)
{
    return Entry{shared(entries_of(table)[index]).load(relaxed)};
}

/// Entries of one cache line. Tables are mostly empty: whole lines of zeros hold nothing, and are passed at one stroke.
constexpr unsigned line_entries = 8;

[[nodiscard]] bool is_empty_line(Mfn table, unsigned first)
{
    std::uint64_t* const entries = entries_of(table) + first;
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < line_entries; ++i)
        bits |= shared(entries[i]).load(relaxed);
    return bits == 0;
}

/// Whether an empty line begins at `index`.
[[nodiscard]] bool begins_empty_line(Mfn table, unsigned index)
{
    return index % line_entries == 0 && index < table_entries && is_empty_line(table, index);
}

/// Whether an empty line ends before `index`.
[[nodiscard]] bool ends_empty_line(Mfn table, unsigned index)
{
    return index % line_entries == 0 && index > 0 && is_empty_line(table, index - line_entries);
}

/// Top-level slots that belong to the hypervisor are neither read nor counted.
[[nodiscard]] constexpr bool is_ours(unsigned level, unsigned index)
{
    return level == 4 && index >= address_map::first_hypervisor_slot && index <= address_map::last_hypervisor_slot;
}

/// The hypervisor's slots of a top-level table.
void fill_hypervisor_slots(Space const& space, Mfn root)
{
    std::uint64_t* entries = entries_of(root);
    for (unsigned slot = address_map::first_hypervisor_slot; slot <= address_map::last_hypervisor_slot; ++slot)
        entries[slot] = shared_slots[slot - address_map::first_hypervisor_slot];
    constexpr unsigned area_slot = table_index(address_map::domain_area, 4);
    entries[area_slot] =
        space.domain_area.valid()
            ? Entry::of(space.domain_area, Entry::present | Entry::writable | Entry::accessed | Entry::dirty).bits()
            : 0;
}

void clear_hypervisor_slots(Mfn root)
{
    for (unsigned slot = address_map::first_hypervisor_slot; slot <= address_map::last_hypervisor_slot; ++slot)
        entries_of(root)[slot] = 0;
}

/// Starts to undo a table that is unwinding already: its uses are gone. The reference of the last user passes to the undoing.
void start_unwinding(Space& space, Mfn mfn)
{
    require(space.unwinding_depth < space.unwinding.size(), "page tables nest four deep");
    space.unwinding[space.unwinding_depth] = mfn;
    shared(space.unwinding_depth).store(space.unwinding_depth + 1, relaxed);
}

/// The entries of an unwinding level-1 table give back what they held, the last ones first.
[[nodiscard]] Progress unwind_leaves(Mfn table, Budget& budget)
{
    Frame& frame = mm::frames[table];
    std::uint64_t* const entries = entries_of(table);
    unsigned const held = frame.load().field();
    unsigned left = held;
    while (left > 0 && budget.spend()) {
        if (ends_empty_line(table, left))
            left -= line_entries;
        else
            drop_leaf(Entry{shared(entries[--left]).load(relaxed)});
    }
    frame.advance(static_cast<std::int32_t>(left - held));
    return left > 0 ? Progress::more : Progress::done;
}

/// One entry of an unwinding table of level 2..4 gives back what it held.
void unwind_entry(Space& space, Mfn table, unsigned level, unsigned index)
{
    Entry const entry = read_entry(table, index);
    if (!entry.is_present() || is_ours(level, index))
        return;
    drop_table(space, entry.frame());
}

void finish_unwinding(Mfn mfn, unsigned level)
{
    Frame& frame = mm::frames[mfn];
    if (level == 4)
        clear_hypervisor_slots(mfn);
    // Processors may have cached this table's entries: whoever reuses the frame as something else flushes first.
    std::uint32_t const now = cpu::flush_clock_now();
    frame.change([=](FrameState state) {
        return state.with_type(FrameType::none).with(0, FrameState::validated_bit).idle_since(now);
    });
    mm::drop_reference(mfn);
}

/// Claims an unused frame as a table of `level`: from now on nobody can map it writable.
[[nodiscard]] Status claim(Mfn mfn, unsigned level)
{
    Frame& frame = mm::frames[mfn];
    FrameState state = frame.load();
    FrameState next;
    do {
        if (!state.idle() || state.pinned() || state.type() == FrameType::shared)
            return fail(Errno::ebusy);
        next = state.with_type(mm::table_type(level)).with(0, FrameState::validated_bit).building(0);
    } while (!frame.exchange(state, next));
    mm::flush_stale(state.field());
    return {};
}

enum class Use : std::uint8_t { taken, must_validate };

/// One use of a frame as a table: counted at once if it is validated; otherwise the frame is claimed (or found partial)
/// and the caller must validate it.
[[nodiscard]] Result<Use> use(Space& space, Mfn mfn, unsigned level)
{
    // A table that is in use already: both counts at one stroke. It is ours and validated, which Space::lock keeps so.
    if (Frame* const known = mm::frames.find(mfn); known && known->owner_id() == space.id) [[likely]] {
        FrameState now = known->load();
        if (now.counted_as(mm::table_type(level)) && now.field() < FrameState::type_count_max &&
            now.references() < FrameState::references_max &&
            known->exchange(now, now.plus_references(1).plus_type_uses(1)))
            return Use::taken;
    }
    TRY(mm::take_reference(mfn, space.id));
    Frame& frame = mm::frames[mfn];
    FrameState state = frame.load();
    if (state.type() == mm::table_type(level) && (state.validated() || state.partial())) {
        if (state.validated()) {
            while (state.type_count() < FrameState::type_count_max)
                if (frame.exchange(state, state.plus_type_uses(1)))
                    return Use::taken;
        } else if (!state.unwinding()) {
            mm::drop_reference(mfn); // the partial table holds one already
            return Use::must_validate;
        }
        mm::drop_reference(mfn);
        return fail(Errno::ebusy);
    }
    if (Status claimed = claim(mfn, level); !claimed) {
        mm::drop_reference(mfn);
        return fail(claimed.error());
    }
    return Use::must_validate;
}

/// The chain of partial tables from the one asked for down to the one being worked on.
class Validation {
public:
    Validation(Space& space, Mfn root, unsigned level) : space_(space), level_(level) { chain_[0] = root; }

    [[nodiscard]] Result<Progress> run(Budget& budget)
    {
        while (true) {
            if (top_level() == 1) {
                if (TRY(validate_leaves(budget)) == Progress::more)
                    return Progress::more;
            }
            if (!budget.spend())
                return Progress::more;
            unsigned const index = mm::frames[top()].load().field();
            if (begins_empty_line(top(), index)) {
                advance(line_entries);
                continue;
            }
            if (index == table_entries) {
                finish_top();
                if (depth_ == 0)
                    return Progress::done;
                advance();
                continue;
            }
            if (Status step = validate_entry(index); !step) {
                undo();
                return fail(step.error());
            }
        }
    }

private:
    [[nodiscard]] Mfn top() const { return chain_[depth_ - 1]; }
    [[nodiscard]] unsigned top_level() const { return level_ - (depth_ - 1); }
    void advance(unsigned entries = 1) { mm::frames[top()].advance(static_cast<std::int32_t>(entries)); }

    /// All that is left of a level-1 table. After an error the table knows how far it came.
    [[nodiscard]] Result<Progress> validate_leaves(Budget& budget)
    {
        std::uint64_t* const entries = entries_of(top());
        unsigned const done = mm::frames[top()].load().field();
        unsigned index = done;
        Status failure;
        bool more = false;
        for (; index < table_entries; ++index) {
            if (more = !budget.spend(); more) [[unlikely]]
                break;
            if (begins_empty_line(top(), index)) {
                index += line_entries - 1;
                continue;
            }
            Entry const entry{shared(entries[index]).load(relaxed)};
            if (!entry.is_present()) {
                if (failure = admit_absent(entry, space_.end_of_memory); !failure) [[unlikely]]
                    break;
                continue;
            }
            auto const stored = take_leaf(space_, entry, space_.id);
            if (!stored) [[unlikely]] {
                failure = fail(stored.error());
                break;
            }
            if (!(*stored == entry))
                entries[index] = stored->bits();
        }
        advance(index - done);
        if (!failure) {
            undo();
            return fail(failure.error());
        }
        return more ? Progress::more : Progress::done;
    }

    /// One entry of a table of level 2..4.
    [[nodiscard]] Status validate_entry(unsigned index)
    {
        unsigned const level = top_level();
        Entry const entry = read_entry(top(), index);
        if (is_ours(level, index))
            return advance(), Status{};
        if (!entry.is_present()) {
            TRY(admit_absent(entry, space_.end_of_memory));
            return advance(), Status{};
        }
        TRY(admit(entry, level, Caching::fixed, entry_limits));
        switch (TRY(use(space_, entry.frame(), level - 1))) {
        case Use::taken:
            break;
        case Use::must_validate:
            if (entry.frame() == top())
                return fail(Errno::einval);
            store_adjusted(index, entry, level);
            chain_[depth_++] = entry.frame();
            return {};
        }
        store_adjusted(index, entry, level);
        return advance(), Status{};
    }

    void store_adjusted(unsigned index, Entry entry, unsigned level)
    {
        Entry const stored = adjust(entry, level);
        if (!(stored == entry))
            entries_of(top())[index] = stored.bits();
    }

    void finish_top()
    {
        if (top_level() == 4)
            fill_hypervisor_slots(space_, top());
        mm::frames[top()].change([](FrameState state) { return state.with(FrameState::validated_bit).with_uses(1); });
        --depth_;
    }

    /// An entry was refused: the whole chain gives back what it took, in budgeted steps.
    void undo()
    {
        for (unsigned i = 0; i < depth_; ++i)
            abandon(space_, chain_[i]);
    }

    Space& space_;
    unsigned level_;
    std::array<Mfn, 4> chain_{};
    unsigned depth_ = 1;
};

} // namespace

bool is_table(Space const& space, Mfn mfn, unsigned level)
{
    Frame* frame = mm::frames.find(mfn);
    if (!frame || frame->owner_id() != space.id)
        return false;
    FrameState const state = frame->load();
    return state.counted_as(mm::table_type(level));
}

Progress drain_tables(Space& space, Budget& budget)
{
    while (space.unwinding_depth > 0) {
        if (!budget.spend())
            return Progress::more;
        Mfn const mfn = space.unwinding[space.unwinding_depth - 1];
        Frame& frame = mm::frames[mfn];
        unsigned const level = mm::table_level(frame.load().type());
        if (level == 1 && unwind_leaves(mfn, budget) == Progress::more)
            return Progress::more;
        unsigned const left = frame.load().field();
        if (left == 0) {
            shared(space.unwinding_depth).store(space.unwinding_depth - 1, relaxed);
            finish_unwinding(mfn, level);
            continue;
        }
        if (ends_empty_line(mfn, left)) {
            frame.advance(-static_cast<std::int32_t>(line_entries));
            continue;
        }
        frame.advance(-1);
        unwind_entry(space, mfn, level, left - 1);
    }
    return Progress::done;
}

Result<Progress> take_table(Space& space, Mfn mfn, unsigned level, Budget& budget)
{
    if (TRY(use(space, mfn, level)) == Use::taken)
        return Progress::done;
    return Validation{space, mfn, level}.run(budget);
}

void abandon(Space& space, Mfn mfn)
{
    Frame& frame = mm::frames[mfn];
    if (frame.load().unwinding())
        return; // on the list already
    frame.change([](FrameState state) { return state.undone_from(state.field()); });
    start_unwinding(space, mfn);
}

void drop_table(Space& space, Mfn mfn)
{
    Frame& frame = mm::frames[mfn];
    // Not the last use: both counts at one stroke.
    FrameState seen = frame.load();
    if (seen.counted() && seen.field() > 1 && seen.references() > 1 &&
        frame.exchange(seen, seen.plus_references(-1).plus_type_uses(-1))) [[likely]]
        return;
    FrameState const state = frame.change([](FrameState now) {
        require(now.counted(), "more table uses dropped than taken");
        return now.field() > 1 ? now.plus_type_uses(-1) : now.with(0, FrameState::validated_bit).undone_from(table_entries);
    });
    if (state.counted())
        return mm::drop_reference(mfn);
    start_unwinding(space, mfn);
}

} // namespace rf::pvmmu
