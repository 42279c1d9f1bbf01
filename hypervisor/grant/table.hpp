// SPDX-License-Identifier: MIT
#pragma once
/// The grant table of one domain, version 1: what it lets others use, and what it uses of others.
///
/// Granter's side: the shared entries (in frames that the guest writes) and, out of its reach, one ActiveEntry per grant
/// reference: who uses it, which frame it was at the first use, how many readers and writers hold it. While held, the
/// active entry counts, not the shared one. GTF_reading and GTF_writing are set before the first hold and cleared after
/// the last, by compare-and-exchange on the 32-bit word of flags and domid.
///
/// Mapper's side: Maptrack. Every mapping owns one reference on the frame (plus a writable use unless read-only), and its
/// page-table entry as many again; both are taken at one stroke before the entry exists, and dropped at one stroke as the
/// last act, after the entry is gone from all TLBs. A granter's table outlives all mappings of its grants, because a domain
/// lives until its last frame is free.
///
/// Several mappings of one call go together: the locks are taken once, and unmappings are flushed once before any of them
/// gives anything back.
///
/// Locks: lock_ (rank grant_table) covers active entries and growth; never two tables at once. A map holds the granter's, then
/// maptrack's, then the mapper's page tables (PageTables::open). Guest memory by virtual address is never touched here.

#include "base/budget.hpp"
#include "grant/maptrack.hpp"
#include "grant/page_tables.hpp"
#include "grant/status.hpp"
#include "mm/domain_memory.hpp"

#include <array>
#include <span>

namespace rf::grant {

enum class Access : std::uint8_t { read, write };

class GrantTable {
public:
    static constexpr unsigned entries_per_frame = page_size / sizeof(xen::grant_entry_v1);
    /// Largest limit that init accepts.
    static constexpr std::uint32_t frames_ceiling = 4096;

    /// `memory` is the owner's; its account pays. It outlives the table.
    explicit GrantTable(mm::DomainMemory& memory) : owner_(memory.id()), memory_(memory), maptrack_(memory.structures) {}
    ~GrantTable();
    GrantTable(GrantTable const&) = delete;
    GrantTable& operator=(GrantTable const&) = delete;

    /// Makes the first frame. Errno::enomem, Errno::einval (limits).
    [[nodiscard]] Status init(std::uint32_t max_frames, std::uint32_t max_maptrack_frames);
    /// Bytes that a table with these limits takes at most.
    [[nodiscard]] static std::uint64_t most_bytes(std::uint32_t max_frames, std::uint32_t max_maptrack_frames);

    [[nodiscard]] DomainId owner() const { return owner_; }
    [[nodiscard]] std::uint32_t frames() const { return frame_count_.load(acquire); }
    [[nodiscard]] std::uint32_t frame_limit() const { return frames_.size(); }
    /// Grants of others that this domain has mapped.
    [[nodiscard]] std::uint32_t mappings() const { return maptrack_.in_use(); }
    /// Grant references of this domain that somebody holds.
    [[nodiscard]] std::uint32_t active() const { return active_count_.load(relaxed); }

    /// Grows the table to `count` frames. Errno::einval (above the limit, dying), Errno::enomem (the part that was made
    /// stays).
    [[nodiscard]] Status grow_to(std::uint32_t count);
    /// The frame of entries at `index`, growing on demand (XENMEM_acquire_resource). Errors as grow_to.
    [[nodiscard]] Result<Mfn> frame(std::uint32_t index);
    /// Writes an entry on the owner's behalf (domain builder), growing on demand. Errors as grow_to.
    [[nodiscard]] Status seed(std::uint32_t ref, DomainId user, Mfn frame, std::uint16_t flags);

    /// Elements that one map or unmap takes: so long others wait for the locks.
    static constexpr std::size_t most_at_once = 16;
    /// Maps grants of `granter`, whom the caller keeps alive, for this domain; fills handle, dev_bus_addr and status of each.
    void map(GrantTable& granter, PageTables& tables, std::span<xen::gnttab_map_grant_ref> ops);
    /// Undoes mappings, wholly or the halves that `ops` name, and fills the status of each.
    void unmap(PageTables& tables, std::span<xen::gnttab_unmap_grant_ref> ops);

    /// Holds grant `ref` of this table for `user`: checks it, marks it in use, yields its frame. The frame is not
    /// referenced. GNTST_bad_gntref, GNTST_general_error.
    [[nodiscard]] Granted<Mfn> hold(std::uint32_t ref, DomainId user, Access access);
    /// Gives back what hold took.
    void let_go(std::uint32_t ref, Access access);

    /// For the audit, while the domain stands still: function(Mfn) for each frame of shared entries on which the table has
    /// a writable use, and function(Mfn, Access) for each grant of others that is mapped.
    template <class Function>
    void for_each_table_frame(Function function) const
    {
        for (std::uint32_t index = 0; !frames_dropped_ && index < frames(); ++index)
            function(Mfn{frames_[index]});
    }
    template <class Function>
    void for_each_mapping(Function function) const
    {
        for (std::uint32_t index = 0; index < maptrack_.records(); ++index)
            if (MapRecord const* record = maptrack_.mapped_at(index))
                function(Mfn{record->frame},
                         record->flags & xen::GNTMAP_readonly ? Access::read : Access::write);
    }

    /// Teardown, when no vCPU of the domain runs any more: drops all mappings of others' grants, gives its own entries' frames
    /// up and refuses further use. Those who hold its grants keep the granted frames; page-table entries that are still
    /// there count their frames themselves (pvmmu/grant_places.hpp).
    [[nodiscard]] Progress release_all(Budget& budget);

private:
    /// Uses of one grant reference; `frame` and `user` count while there are any.
    struct ActiveEntry {
        std::uint32_t frame;
        std::uint32_t readers;
        std::uint32_t writers;
        DomainId user;
        [[nodiscard]] bool in_use() const { return readers != 0 || writers != 0; }
    };
    static_assert(sizeof(ActiveEntry) == 16);

    [[nodiscard]] Status grow_locked(std::uint32_t count);
    [[nodiscard]] Status add_frame();
    /// The shared entry as two words: flags | domid << 16, then the frame.
    [[nodiscard]] std::uint32_t* words(std::uint32_t ref) const;
    [[nodiscard]] ActiveEntry& active_entry(std::uint32_t ref) const;
    /// The following are in holding.hpp. They need lock_.
    [[nodiscard]] Status mark_used(std::uint32_t ref, DomainId user, Access access);
    [[nodiscard]] Granted<Mfn> hold_locked(std::uint32_t ref, DomainId user, Access access);
    void let_go_locked(std::uint32_t ref, Access access);

    /// A claimed mapping that is over as soon as its page-table entry has left all TLBs.
    struct Leaving {
        MapRecord* record;
        xen::grant_handle_t handle;
        unsigned mappings; ///< counts to be given back: of the grant, and of the entry if it was there
    };
    struct Departure {
        std::array<Leaving, most_at_once> list; ///< the first `count`
        unsigned count = 0;
        bool needs_flush = false;
        void add(MapRecord* record, xen::grant_handle_t handle, unsigned mappings)
        {
            list[count++] = {record, handle, mappings};
        }
    };
    [[nodiscard]] xen::grant_status map_one(GrantTable& granter, PageTables& tables, xen::gnttab_map_grant_ref& op);
    [[nodiscard]] xen::grant_status take_out(PageTables& tables, xen::gnttab_unmap_grant_ref const& op, Departure& leaving);
    void give_back(Departure const& leaving);
    void drop_frames();

    Spinlock lock_{LockRank::grant_table};
    DomainId owner_;
    mm::DomainMemory& memory_;
    mm::Array<std::uint64_t> frames_; ///< machine frames of the shared entries, each with a writable use of ours
    mm::Array<ActiveEntry*> active_entries_; ///< by frame
    Atomic<std::uint32_t> frame_count_{0};
    Atomic<std::uint32_t> active_count_{0};
    bool dying_ = false; ///< the shared frames may be gone: only active entries are kept
    bool frames_dropped_ = false;
    Maptrack maptrack_;
    std::uint32_t release_cursor_ = 0;
};

} // namespace rf::grant
