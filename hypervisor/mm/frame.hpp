// SPDX-License-Identifier: MIT
#pragma once
/// The state of one machine frame: a single 64-bit word that is changed only by compare-and-exchange. Its owner stands in an
/// array of its own (FrameTable).
///
/// Word layout (docs/page-types.md):
///
///     bits  0..2   type        what the frame is used as (FrameType)
///     bit   3      validated   entries of a page table or descriptor page were checked and hold their references
///     bits  4, 7   phase       what the field means (below)
///     bit   5      pinned      the guest holds a pin (one type reference)
///     bit   6      allocated   the owner's own reference, taken when the frame was given to the domain
///     bits  8..33  field
///     bits 34..63  references  all holders: the owner, type uses, read-only mappings, foreign and grant mappings
///
/// Phase (bit 7, bit 4) and the field:
///
///     0 0  idle       no use as its type; flush clock of the last moment at which a use went away that processors may remember
///     1 0  counted    uses as its type, at least one
///     0 1  building   the one use that validates it; index of the next entry. As `none`: on its way to its first writable use,
///                     which nobody else can take meanwhile; the flush clock as before
///     1 1  unwinding  no use; entries below this index still hold their references
///
/// Invariants: a type use holds a reference too, so references >= uses. The type may change only while the frame is idle.
/// A frame is given back to the allocator when its references reach zero, by whoever dropped the last.

#include "base/atomic.hpp"
#include "base/types.hpp"
#include "cpu/flush_clock.hpp"

namespace rf::mm {

enum class FrameType : std::uint8_t {
    none = 0,
    writable = 1,   ///< mapped writable somewhere
    l1 = 2,         ///< page table of level 1 (entries map 4 KiB)
    l2 = 3,
    l3 = 4,
    l4 = 5,
    descriptor = 6, ///< part of a GDT or LDT
    shared = 7,     ///< hypervisor page that its owner may map writable (shared_info, grant frames); never a page table
};

/// Level of a page-table type, 1..4; 0 for the others.
[[nodiscard]] constexpr unsigned table_level(FrameType type)
{
    return type >= FrameType::l1 && type <= FrameType::l4 ? static_cast<unsigned>(type) - 1 : 0;
}
[[nodiscard]] constexpr FrameType table_type(unsigned level) { return static_cast<FrameType>(level + 1); }

/// A decoded snapshot of the state word.
class FrameState {
public:
    constexpr FrameState() = default;
    constexpr explicit FrameState(std::uint64_t word) : word_(word) {}
    [[nodiscard]] constexpr std::uint64_t word() const { return word_; }

    [[nodiscard]] constexpr FrameType type() const { return static_cast<FrameType>(word_ & 7); }
    [[nodiscard]] constexpr bool validated() const { return word_ & validated_bit; }
    [[nodiscard]] constexpr bool pinned() const { return word_ & pinned_bit; }
    [[nodiscard]] constexpr bool allocated() const { return word_ & allocated_bit; }
    [[nodiscard]] constexpr std::uint64_t references() const { return word_ >> 34; }

    [[nodiscard]] constexpr bool idle() const { return (word_ & phase_bits) == 0; }
    [[nodiscard]] constexpr bool counted() const { return (word_ & phase_bits) == counted_bit; }
    /// Validation or its undoing stopped midway.
    [[nodiscard]] constexpr bool partial() const { return word_ & partial_bit; }
    [[nodiscard]] constexpr bool unwinding() const { return (word_ & phase_bits) == phase_bits; }
    /// Nobody refers to the frame, uses it or keeps it validated.
    [[nodiscard]] constexpr bool unheld() const { return references() == 0 && idle() && !pinned(); }
    /// Counted as one type, whatever else: one comparison.
    [[nodiscard]] constexpr bool counted_as(FrameType type) const
    {
        return (word_ & (phase_bits | 7)) == (counted_bit | static_cast<std::uint64_t>(type));
    }
    [[nodiscard]] constexpr bool idle_as(FrameType type) const
    {
        return (word_ & (phase_bits | 7)) == static_cast<std::uint64_t>(type);
    }

    /// Uses as its type.
    [[nodiscard]] constexpr std::uint64_t type_count() const
    {
        bool const being_validated = partial() && !unwinding() && type() != FrameType::none;
        return counted() ? field() : being_validated ? 1 : 0;
    }
    /// What the bits 8..33 hold: uses while counted, an index while partial, a moment of the flush clock while idle.
    [[nodiscard]] constexpr std::uint32_t field() const { return static_cast<std::uint32_t>(word_ >> field_shift & field_max); }

    [[nodiscard]] constexpr FrameState with_type(FrameType type) const
    {
        return FrameState{(word_ & ~7ull) | static_cast<std::uint64_t>(type)};
    }
    [[nodiscard]] constexpr FrameState with(std::uint64_t set, std::uint64_t clear = 0) const
    {
        return FrameState{(word_ & ~clear) | set};
    }
    [[nodiscard]] constexpr FrameState plus_references(std::int64_t count) const
    {
        return FrameState{word_ + (static_cast<std::uint64_t>(count) << 34)};
    }
    /// More or fewer uses of a counted frame; some are left.
    [[nodiscard]] constexpr FrameState plus_type_uses(std::int64_t count) const
    {
        return FrameState{word_ + (static_cast<std::uint64_t>(count) << field_shift)};
    }
    /// Counted, with so many uses.
    [[nodiscard]] constexpr FrameState with_uses(std::uint32_t count) const { return in_phase(counted_bit, count); }
    /// Idle since `stamp`.
    [[nodiscard]] constexpr FrameState idle_since(std::uint32_t stamp) const { return in_phase(0, stamp); }
    /// Partial: entries below `index` hold references.
    [[nodiscard]] constexpr FrameState building(std::uint32_t index) const { return in_phase(partial_bit, index); }
    [[nodiscard]] constexpr FrameState undone_from(std::uint32_t index) const { return in_phase(phase_bits, index); }

    constexpr bool operator==(FrameState const&) const = default;

    static constexpr std::uint64_t validated_bit = 1u << 3;
    static constexpr std::uint64_t partial_bit = 1u << 4;
    static constexpr std::uint64_t pinned_bit = 1u << 5;
    static constexpr std::uint64_t allocated_bit = 1u << 6;
    static constexpr std::uint64_t counted_bit = 1u << 7;
    static constexpr std::uint64_t phase_bits = partial_bit | counted_bit;
    static constexpr unsigned field_shift = 8;
    static constexpr std::uint64_t field_max = cpu::stamp_mask;
    static constexpr std::uint64_t type_count_max = field_max;
    static constexpr std::uint64_t references_max = (1u << 30) - 1;
    static_assert(field_max == (1u << 26) - 1);
    /// The word of what is no RAM that can be owned, device memory or firmware: all flags at once, and no reference.
    static constexpr std::uint64_t hole = 0xff;

private:
    [[nodiscard]] constexpr FrameState in_phase(std::uint64_t phase, std::uint64_t field) const
    {
        return FrameState{(word_ & ~(phase_bits | field_max << field_shift)) | phase | field << field_shift};
    }
    std::uint64_t word_ = 0;
};

/// One per machine frame of RAM; 8 bytes.
struct Frame {
    Atomic<std::uint64_t> state{0}; ///< FrameState word

    [[nodiscard]] FrameState load() const { return FrameState{state.load(acquire)}; }
    /// Who owns it. It changes only while there are no references (mm/frame_table.hpp).
    [[nodiscard]] DomainId owner_id() const;
    void set_owner(DomainId owner);
    /// Replaces the word if it is still `expected`; refreshes `expected` otherwise.
    [[nodiscard]] bool exchange(FrameState& expected, FrameState desired)
    {
        std::uint64_t word = expected.word();
        if (state.compare_exchange_strong(word, desired.word(), acq_rel, acquire))
            return true;
        expected = FrameState{word};
        return false;
    }
    /// Changes the word of a frame of which only the counts may move under the caller's hands. Yields the new one.
    template <class Change>
    FrameState change(Change change)
    {
        FrameState now = load();
        FrameState next;
        do
            next = change(now);
        while (!exchange(now, next));
        return next;
    }
    /// Moves the index of a partial frame.
    void advance(std::int32_t entries)
    {
        state.fetch_add(static_cast<std::uint64_t>(std::int64_t{entries}) << FrameState::field_shift, acq_rel);
    }
};
static_assert(sizeof(Frame) == 8);

} // namespace rf::mm
