// SPDX-License-Identifier: MIT
#pragma once
/// The grants of others that one domain has mapped, by handle.
///
///     free -> mapped -> unmapping -> free
///                           \-> mapped (the unmap was refused, or left a half)
///
/// A record's state and generation are one word. `enter` moves it to `mapped` under the lock; only compare-and-exchange moves
/// it out again, and whoever did that owns the other fields until the next move. A handle is index | generation <<
/// index_bits; the generation changes whenever the record becomes free, so a stale handle is refused. ~0 is never a handle.
///
/// Records are made in pages, published by a release store, and freed only with the table.

#include "base/atomic.hpp"
#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "base/types.hpp"
#include "cpu/insn.hpp"
#include "mm/heap.hpp"
#include "xen/grant.h"

#include <optional>

namespace rf::grant {

class GrantTable;

struct MapRecord {
    GrantTable* granter;        ///< valid while mapped: our reference on its frame keeps the granting domain's objects
    std::uint64_t host_address; ///< as given at the map
    std::uint32_t frame;
    std::uint32_t flags;        ///< GNTMAP_* still in force
    union {
        std::uint32_t ref;       ///< not free: grant reference
        std::uint32_t next_free; ///< free: index + 1 of the next free record
    };
    Atomic<std::uint32_t> word; ///< MapState | generation << 8
};
static_assert(sizeof(MapRecord) == 32);

enum class MapState : std::uint8_t { free, mapped, unmapping };

class Maptrack {
public:
    static constexpr unsigned index_bits = 20;
    static constexpr std::uint32_t generations = (1u << (32 - index_bits)) - 1; ///< the last value is left out
    /// Records per maptrack frame, as the limit max_maptrack_frames counts them.
    static constexpr unsigned records_per_frame = 256;
    static constexpr unsigned max_frames = (1u << index_bits) / records_per_frame;

    /// Records are charged to `account`, which outlives them.
    explicit Maptrack(mm::Account& account) : account_(account) {}
    ~Maptrack();
    Maptrack(Maptrack const&) = delete;
    Maptrack& operator=(Maptrack const&) = delete;

    /// Errno::enomem, Errno::einval (limit above max_frames).
    [[nodiscard]] Status init(std::uint32_t limit_frames);
    /// Bytes that so many frames take at most.
    [[nodiscard]] static std::uint64_t most_bytes(std::uint32_t limit_frames);

    /// Covers free records and growth: needed for reserve, enter and give_back.
    [[nodiscard]] Spinlock& lock() { return lock_; }
    /// Makes sure that there is a free record. Errno::enospc, Errno::enomem.
    [[nodiscard]] Status reserve() { return first_free_ != 0 ? Status{} : grow(); }
    struct Mapping {
        GrantTable* granter;
        std::uint64_t host_address;
        std::uint32_t frame;
        std::uint32_t flags;
        std::uint32_t ref;
    };
    /// free -> mapped, for the record that was reserved: the handle is good from now on.
    [[nodiscard]] inline xen::grant_handle_t enter(Mapping const& mapping);
    /// mapped -> unmapping, for exactly one of several callers; null when the handle names no live mapping. Needs no lock.
    [[nodiscard]] inline MapRecord* claim(xen::grant_handle_t handle);
    /// unmapping -> mapped. Needs no lock.
    static inline void restore(MapRecord& record);
    /// unmapping -> free; the handle is dead.
    inline void give_back(xen::grant_handle_t handle, MapRecord& record);

    /// Handle of record `index` if it is mapped; for teardown.
    [[nodiscard]] std::optional<xen::grant_handle_t> handle_at(std::uint32_t index) const;
    /// Record `index` if it is mapped, or null; for the audit, while nobody moves records.
    [[nodiscard]] MapRecord const* mapped_at(std::uint32_t index) const
    {
        return handle_at(index) ? find(index) : nullptr;
    }
    /// Records that are not free.
    [[nodiscard]] std::uint32_t in_use() const { return in_use_.load(relaxed); }
    /// Records that exist.
    [[nodiscard]] std::uint32_t records() const { return frame_count_.load(acquire) * records_per_frame; }

private:
    static constexpr std::uint32_t index_mask = (1u << index_bits) - 1;
    static constexpr std::uint32_t word_of(MapState state, std::uint32_t generation)
    {
        return static_cast<std::uint32_t>(state) | generation << 8;
    }
    static constexpr MapState state_of(std::uint32_t word) { return static_cast<MapState>(word & 0xff); }
    static constexpr std::uint32_t generation_of(std::uint32_t word) { return word >> 8; }

    [[nodiscard]] MapRecord& at(std::uint32_t index) const
    {
        return frames_[index / records_per_frame][index % records_per_frame];
    }
    [[nodiscard]] MapRecord* find(std::uint32_t index) const
    {
        return cpu::clamp_index(index, records()) ? &at(index) : nullptr;
    }
    [[nodiscard]] Status grow();

    mm::Account& account_;
    Spinlock lock_{LockRank::maptrack}; ///< free list and growth
    std::uint32_t limit_frames_ = 0;
    mm::Array<MapRecord*> frames_; ///< made with the first record
    Atomic<std::uint32_t> frame_count_{0};
    Atomic<std::uint32_t> in_use_{0};
    std::uint32_t first_free_ = 0; ///< index + 1
};

inline xen::grant_handle_t Maptrack::enter(Mapping const& mapping)
{
    std::uint32_t const index = first_free_ - 1;
    MapRecord& record = at(index);
    first_free_ = record.next_free;
    record.granter = mapping.granter;
    record.host_address = mapping.host_address;
    record.frame = mapping.frame;
    record.flags = mapping.flags;
    record.ref = mapping.ref;
    in_use_.store(in_use_.load(relaxed) + 1, relaxed); // changed under the lock only
    std::uint32_t const generation = generation_of(record.word.load(relaxed));
    record.word.store(word_of(MapState::mapped, generation), release);
    return index | generation << index_bits;
}

inline MapRecord* Maptrack::claim(xen::grant_handle_t handle)
{
    MapRecord* record = find(handle & index_mask);
    if (!record)
        return nullptr;
    std::uint32_t expected = word_of(MapState::mapped, handle >> index_bits);
    bool const claimed = record->word.compare_exchange_strong(
        expected, word_of(MapState::unmapping, handle >> index_bits), acq_rel, relaxed);
    return claimed ? record : nullptr;
}

inline void Maptrack::restore(MapRecord& record)
{
    record.word.store(word_of(MapState::mapped, generation_of(record.word.load(relaxed))), release);
}

inline void Maptrack::give_back(xen::grant_handle_t handle, MapRecord& record)
{
    std::uint32_t generation = (handle >> index_bits) + 1;
    if (generation == generations)
        generation = 0;
    record.next_free = first_free_;
    record.word.store(word_of(MapState::free, generation), release);
    first_free_ = (handle & index_mask) + 1;
    in_use_.store(in_use_.load(relaxed) - 1, relaxed);
}

} // namespace rf::grant
