// SPDX-License-Identifier: MIT
#pragma once
/// The machine's free memory: a binary buddy allocator with a set of free blocks for each size. Zones by the width of the
/// frames' numbers: a request for narrow addresses looks only where it can be served, and memory that more devices can reach
/// is handed out later. Free frames themselves hold nothing: a former owner may still write to them.
///
/// Every frame handed out is zeroed exactly once: on allocation unless it is known to be clean. What is too much for one
/// piece is taken as it is (Contents::unready) and made ready bit by bit by whoever took it.
///
/// Claims: a number of free frames may be promised to a domain before it takes them. The allocator keeps only the sum;
/// whose the claims are is kept by DomainMemory. Invariant under lock_: claimed_frames_ <= free_frames_.

#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "mm/bit_tree.hpp"
#include "mm/frame_table.hpp"

#include <array>
#include <bit>

namespace rf::mm {

/// Largest block: 2^18 frames = 1 GiB.
inline constexpr unsigned max_order = 18;

/// `unready`: CPUs may still hold translations of a former owner, who may write to the frames. They are the taker's only to
/// keep until make_ready or release; nobody else may reach them.
enum class Contents : std::uint8_t { zeroed, anything, unready };

class FrameAllocator {
public:
    constexpr FrameAllocator() = default;

    /// Words of memory that attach() wants for frames below `limit`.
    [[nodiscard]] static std::uint64_t words(Mfn limit);
    /// Before all else: `memory` is words(limit) of zeros.
    void attach(std::uint64_t* memory, Mfn limit);
    /// Adds [first, first + count) as free memory (boot only; frames must not be in use).
    void add(Mfn first, std::uint64_t count);
    /// 2^order contiguous, naturally aligned frames whose addresses fit in `address_bits` bits. Frames that are claimed are
    /// left alone, except for `from_claim` of them (at most 2^order), which the caller has claimed: the claims shrink by so
    /// many. Errno::enomem: nothing changed.
    [[nodiscard]] Result<Mfn> allocate(unsigned order, Contents contents = Contents::zeroed, unsigned address_bits = 64,
                                       std::uint64_t from_claim = 0);
    /// Makes frames ready that were taken unready: every CPU forgets them, then they are filled with zeros unless
    /// `contents` is anything.
    static void make_ready(Mfn first, std::uint64_t count, Contents contents = Contents::zeroed);
    /// Promises `frames` of the free frames. Errno::enomem: there are not so many that nobody has claimed.
    [[nodiscard]] Status claim(std::uint64_t frames);
    /// Takes a promise back.
    void unclaim(std::uint64_t frames);
    /// Gives 2^order frames back, to which there are no references.
    void release(Mfn first, unsigned order);
    [[nodiscard]] std::uint64_t free_frames() const { return free_frames_.load(relaxed); }
    [[nodiscard]] std::uint64_t claimed_frames() const { return claimed_frames_.load(relaxed); }
    [[nodiscard]] std::uint64_t total_frames() const { return total_frames_; }

private:
    /// How many free blocks there are whose last frame has a number of so many bits.
    struct Zone {
        std::array<std::uint32_t, max_order + 1> blocks{};
        std::uint32_t filled = 0; ///< orders of which there are any
    };
    static constexpr unsigned widest_zone = 32;

    [[nodiscard]] static unsigned width_of(Mfn first, unsigned order)
    {
        return static_cast<unsigned>(std::bit_width(first.value + (1ull << order) - 1));
    }
    void add_block(Mfn first, unsigned order);
    void remove_block(Mfn first, unsigned order);
    [[nodiscard]] Mfn take(unsigned order, unsigned address_bits);
    void release_locked(Mfn first, unsigned order);

    Spinlock lock_{LockRank::frame_allocator};
    std::array<Zone, widest_zone + 1> zones_{};
    std::array<BitTree, max_order + 1> free_blocks_{}; ///< by their number: that of their first frame, less `order` bits
    Atomic<std::uint64_t> free_frames_{0};
    Atomic<std::uint64_t> claimed_frames_{0};
    std::uint64_t total_frames_ = 0;
};

extern FrameAllocator allocator;

} // namespace rf::mm
