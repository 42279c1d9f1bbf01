// SPDX-License-Identifier: MIT
#pragma once
/// The frames that one domain owns: a list through the frame table, a count, a limit, and a claim on free memory.
///
/// A frame's pages count from before it is on the list until after it left it: while pages() is not 0, frames may appear.
/// Those of a FrameTrade that are counted and not on the list are under_way().

#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "mm/account.hpp"
#include "mm/allocator.hpp"
#include "mm/trade_desk.hpp"

namespace rf::mm {

class DomainMemory {
public:
    explicit DomainMemory(DomainId id) : id_(id) {}

    /// Makes the domain findable as an owner. Errno::enomem.
    [[nodiscard]] Status enter();
    /// Undoes enter; the domain owns nothing any more.
    void leave();
    [[nodiscard]] bool empty() const { return listed() == 0; }
    /// Frames on the list: pages() and the shared ones.
    [[nodiscard]] std::uint64_t listed() const { return listed_.load(acquire); }

    /// Allocates 2^order frames for the domain, each with its `allocated` reference. Errno::enomem: above the limit or
    /// none free. Contents::anything is for the control domain at boot, when no tenant has used the memory yet.
    [[nodiscard]] Result<Mfn> allocate(unsigned order, unsigned address_bits = 64,
                                       Contents contents = Contents::zeroed);
    /// A frame of the hypervisor that the domain may map (shared_info, grant frames): owned, typed `shared`, not counted
    /// against the limit but charged to structures. Errno::enomem.
    [[nodiscard]] Result<Mfn> allocate_shared();
    /// Drops the domain's own reference; the frame loses its pseudo-physical number now and is freed when the last mapping
    /// goes. Errno::einval: not owned or given up already.
    [[nodiscard]] Status give_up(Mfn mfn);
    /// As give_up, for a frame that the guest named: the hypervisor's shared pages are refused, too.
    [[nodiscard]] Status give_up_ordinary(Mfn mfn);

    // Steps of a FrameTrade.
    /// Counts frames that are still to come against limit and claim. Yields how many come out of the claim. Errno::enomem.
    [[nodiscard]] Result<std::uint64_t> charge(std::uint64_t count);
    /// Undoes charge.
    void discharge(std::uint64_t count, std::uint64_t from_claim);
    /// Makes clean frames that were charged the domain's own.
    void adopt_charged(Mfn first, std::uint64_t count);
    /// Takes a frame away from its owner's use if nothing uses it: only the `allocated` reference, no type use, no pin. It is
    /// the hypervisor's then, so nobody can map it, and still counts; in the end it is put back or freed. Errno::einval.
    [[nodiscard]] Status take_away(Mfn mfn);
    /// Undoes take_away.
    void put_back(Mfn mfn);
    /// Frees a frame that was taken away.
    void free_taken(Mfn mfn);
    Account structures; ///< what the hypervisor keeps for the domain
    TradeDesk trades;   ///< the trade that is under way, charged to it

    /// Promises the domain that it will get `pages` pages in all (XENMEM_claim_pages); what it allocates comes out of the
    /// promise. 0 ends it. Errno::einval: has a claim already, more than the limit, or not more than it owns;
    /// Errno::enomem.
    [[nodiscard]] Status set_claim(std::uint64_t pages);
    /// Pages promised and not taken yet.
    [[nodiscard]] std::uint64_t claimed() const { return claim_.load(relaxed); }
    /// Makes frames that were set aside at boot (a module's contents, say) the domain's own, contents untouched.
    void take_over(Mfn first, std::uint64_t count);
    /// Takes a freed frame off the list (called by mm when the last reference of an owned frame goes).
    void unlink(Frame& frame, FrameType type);
    /// A step of teardown's walk: moves the first owned frame to the end of the list and takes a reference on it for the
    /// caller, so that nobody else frees it meanwhile. Errno::enoent: none is left; Errno::ebusy: somebody is freeing it.
    [[nodiscard]] Result<Mfn> visit_first();

    [[nodiscard]] std::uint64_t pages() const { return pages_.load(relaxed); }
    /// Pages that count and are on their way to the list or from it.
    [[nodiscard]] std::uint64_t under_way() const { return under_way_.load(relaxed); }
    [[nodiscard]] std::uint64_t limit() const { return limit_.load(relaxed); }
    void set_limit(std::uint64_t pages) { limit_.store(pages, relaxed); }
    [[nodiscard]] DomainId id() const { return id_; }

private:
    void link(Frame& frame);
    void detach(Frame& frame);
    void adopt(Mfn first, std::uint64_t count, FrameType type);
    DomainId id_;
    Spinlock lock_{LockRank::domain_memory};
    std::uint32_t head_ = 0; ///< frame number + 1; 0 = empty
    std::uint32_t tail_ = 0;
    Atomic<std::uint64_t> listed_{0};
    Atomic<std::uint64_t> pages_{0};
    Atomic<std::uint64_t> under_way_{0};
    Atomic<std::uint64_t> limit_{~0ull};
    Atomic<std::uint64_t> claim_{0}; ///< changed under lock_
};

} // namespace rf::mm
