// SPDX-License-Identifier: MIT
#pragma once
/// The frames that one domain owns: their numbers, a limit, and a claim on free memory. Which they are stands in the frame
/// table; a domain remembers only the regions of the machine in which it ever had any, and a walk looks through these.
///
/// A frame's pages count from before it is owned until after it is not: while pages() is not 0, frames may appear.
/// Those of a FrameTrade that are counted and not owned are under_way().

#include "base/budget.hpp"
#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "mm/account.hpp"
#include "mm/allocator.hpp"
#include "mm/trade_desk.hpp"

#include <array>

namespace rf::mm {

class DomainMemory {
public:
    explicit DomainMemory(DomainId id) : id_(id) {}

    /// Makes the domain findable as an owner. Errno::enomem.
    [[nodiscard]] Status enter();
    /// Undoes enter; the domain owns nothing any more.
    void leave();
    [[nodiscard]] bool empty() const { return owned() == 0; }
    /// Frames that it owns: pages() and the shared ones.
    [[nodiscard]] std::uint64_t owned() const { return owned_.load(acquire); }

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
    /// A frame of this type is being freed (called by mm when the last reference of an owned frame goes).
    void disown(FrameType type);
    /// A step of a walk over the frames: the next one from `place` on, with a reference for the caller, so that nobody else
    /// frees it meanwhile; `place` moves behind it. Frames that become the domain's meanwhile may be missed, unless `place`
    /// has not come to them. Errno::enoent: none is left; Errno::eagain: the budget is used up before one was found.
    [[nodiscard]] Result<Mfn> visit_next(Mfn& place, Budget& budget);

    [[nodiscard]] std::uint64_t pages() const { return pages_.load(relaxed); }
    /// Pages that count and are on their way to the domain or from it.
    [[nodiscard]] std::uint64_t under_way() const { return under_way_.load(relaxed); }
    [[nodiscard]] std::uint64_t limit() const { return limit_.load(relaxed); }
    void set_limit(std::uint64_t pages) { limit_.store(pages, relaxed); }
    [[nodiscard]] DomainId id() const { return id_; }

private:
    /// From now on walks look where `mfn` is.
    void remember_region(Mfn mfn);
    /// The first place from `place` on that is in such a region.
    [[nodiscard]] Mfn skip_regions(Mfn place) const;
    [[nodiscard]] bool has_region(std::uint64_t region) const { return regions_[region / 64].load(relaxed) >> region % 64 & 1; }
    void adopt(Mfn first, std::uint64_t count, FrameType type);
    DomainId id_;
    Spinlock lock_{LockRank::domain_memory};
    Atomic<std::uint64_t> owned_{0};
    Atomic<std::uint64_t> pages_{0};
    Atomic<std::uint64_t> under_way_{0};
    Atomic<std::uint64_t> limit_{~0ull};
    Atomic<std::uint64_t> claim_{0}; ///< changed under lock_
    std::array<Atomic<std::uint64_t>, FrameTable::most_regions / 64> regions_{}; ///< one bit each; never cleared
};

} // namespace rf::mm
