// SPDX-License-Identifier: MIT
#pragma once
/// The state of one machine frame: a single 64-bit word that is changed only by compare-and-exchange, plus its owner.
///
/// Word layout (docs/page-types.md):
///
///     bits  0..2   type        what the frame is used as (FrameType)
///     bit   3      validated   entries of a page table or descriptor page were checked and hold their references
///     bit   4      partial     validation or its undoing stopped midway; Frame::progress says where
///     bit   5      pinned      the guest holds a pin (one type reference)
///     bit   6      allocated   the owner's own reference, taken when the frame was given to the domain
///     bit   7      unwinding   a partial frame is being undone, not built up
///     bits  8..33  type count  uses as that type
///     bits 34..63  references  all holders: the owner, type uses, read-only mappings, foreign and grant mappings
///
/// Invariants: a type use holds a reference too, so references >= type count. The type may change only while the type
/// count is zero. A frame is given back to the allocator when its references reach zero, by whoever dropped the last.

#include "base/atomic.hpp"
#include "base/types.hpp"

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
    [[nodiscard]] constexpr bool partial() const { return word_ & partial_bit; }
    [[nodiscard]] constexpr bool pinned() const { return word_ & pinned_bit; }
    [[nodiscard]] constexpr bool allocated() const { return word_ & allocated_bit; }
    [[nodiscard]] constexpr bool unwinding() const { return word_ & unwinding_bit; }
    [[nodiscard]] constexpr std::uint64_t type_count() const { return word_ >> 8 & type_count_max; }
    [[nodiscard]] constexpr std::uint64_t references() const { return word_ >> 34; }

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
    [[nodiscard]] constexpr FrameState plus_type_uses(std::int64_t count) const
    {
        return FrameState{word_ + (static_cast<std::uint64_t>(count) << 8)};
    }
    constexpr bool operator==(FrameState const&) const = default;

    static constexpr std::uint64_t validated_bit = 1u << 3;
    static constexpr std::uint64_t partial_bit = 1u << 4;
    static constexpr std::uint64_t pinned_bit = 1u << 5;
    static constexpr std::uint64_t allocated_bit = 1u << 6;
    static constexpr std::uint64_t unwinding_bit = 1u << 7;
    static constexpr std::uint64_t type_count_max = (1u << 26) - 1;
    static constexpr std::uint64_t references_max = (1u << 30) - 1;

private:
    std::uint64_t word_ = 0;
};

/// One per machine frame of RAM; 24 bytes.
struct Frame {
    Atomic<std::uint64_t> state{0}; ///< FrameState word
    Atomic<std::uint16_t> owner{domid_invalid.value};
    std::uint8_t order = 0;         ///< of the free block that starts here (allocator)
    Atomic<std::uint8_t> flags{0};  ///< frame_is_* bits
    /// While a page table is partial: index of the next entry. While unused as a table: flush clock of the last
    /// moment at which a writable mapping went away.
    Atomic<std::uint32_t> stamp_or_progress{0};
    std::uint32_t next = 0;         ///< links of the list that the frame is on: free list, or the owner's frames
    std::uint32_t previous = 0;

    [[nodiscard]] FrameState load() const { return FrameState{state.load(acquire)}; }
    [[nodiscard]] DomainId owner_id() const { return DomainId{owner.load(relaxed)}; }
    /// Replaces the word if it is still `expected`; refreshes `expected` otherwise.
    [[nodiscard]] bool exchange(FrameState& expected, FrameState desired)
    {
        std::uint64_t word = expected.word();
        if (state.compare_exchange_strong(word, desired.word(), acq_rel, acquire))
            return true;
        expected = FrameState{word};
        return false;
    }
};
static_assert(sizeof(Frame) == 24);

/// Frame::flags: a free frame that is known to hold zeros.
inline constexpr std::uint8_t frame_is_zeroed = 1;
/// Frame::flags: free (on an allocator list, or inside a free block).
inline constexpr std::uint8_t frame_is_free = 2;
/// Frame::flags: device memory or firmware: not RAM that can be owned.
inline constexpr std::uint8_t frame_is_hole = 4;

} // namespace rf::mm
