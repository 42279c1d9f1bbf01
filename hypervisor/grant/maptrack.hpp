// SPDX-License-Identifier: MIT
#pragma once
/// The grants of others that one domain has mapped, by handle.
///
///     free -> mapping -> mapped -> unmapping -> free
///                 \-> free           \-> mapped (the unmap was refused)
///
/// A record's state and generation are one word that only compare-and-exchange moves; whoever moved it out of `mapped` or
/// got it from `take` owns the other fields until the next move. A handle is index | generation << index_bits; the
/// generation changes whenever the record becomes free, so a stale handle is refused. ~0 is never a handle.
///
/// Records are made in pages, published by a release store, and freed only with the table.

#include "base/atomic.hpp"
#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "base/types.hpp"
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

enum class MapState : std::uint8_t { free, mapping, mapped, unmapping };

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

    struct Slot {
        MapRecord* record;
        xen::grant_handle_t handle;
    };
    /// A free record, moved to `mapping`. Errno::enospc, Errno::enomem.
    [[nodiscard]] Result<Slot> take();
    /// mapping -> mapped: the handle is good from now on.
    void publish(MapRecord& record);
    /// mapped -> unmapping, for exactly one of several callers; null when the handle names no live mapping.
    [[nodiscard]] MapRecord* claim(xen::grant_handle_t handle);
    /// unmapping -> mapped.
    void restore(MapRecord& record);
    /// mapping or unmapping -> free; the handle is dead.
    void give_back(xen::grant_handle_t handle, MapRecord& record);

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
    [[nodiscard]] MapRecord* find(std::uint32_t index) const;
    [[nodiscard]] Status grow();

    mm::Account& account_;
    Spinlock lock_{LockRank::maptrack}; ///< free list and growth
    std::uint32_t limit_frames_ = 0;
    mm::Array<MapRecord*> frames_; ///< made with the first record
    Atomic<std::uint32_t> frame_count_{0};
    Atomic<std::uint32_t> in_use_{0};
    std::uint32_t first_free_ = 0; ///< index + 1
};

} // namespace rf::grant
