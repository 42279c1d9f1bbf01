// SPDX-License-Identifier: MIT
#pragma once
/// The part of pvmmu that grant mappings use: put a granted frame into a level-1 entry of the mapping domain, and take it out
/// again. Such an entry counts its target like any other leaf, besides the counts of room grant/: a guest that overwrites it
/// harms only its own mapping. Room grant/ takes both at one stroke, and gives both back together when the entry has left all
/// TLBs; here only entries move.
///
/// Unlike other updates these do not drain Space::unwinding first: that can be long, and a grant operation cannot stop in
/// the middle. Nothing is lost: tables being undone are no place for an entry, and a frame that is one cannot be mapped.

#include "pvmmu/grant_mapping.hpp"
#include "pvmmu/update.hpp"

namespace rf::pvmmu {

/// Entries of one address space, as grants change them; install and remove are called between open and close. What is done
/// here needs no function, but for a table that the place before did not lie in.
class GrantPlaces {
public:
    /// `root`: of the calling vCPU's current address space, in which linear addresses are looked up.
    GrantPlaces(Space& space, Mfn root) : space_(space), root_(root) {}

    void open()
    {
        space_.lock.lock();
        known_ = nothing_known;
    }
    void close() { space_.lock.unlock(); }

    /// Writes the entry, for which the caller has taken the counts of a mapping; what was there gives back its own.
    /// False: no level-1 entry there, misaligned, or not the mapper's page table; nothing changed then.
    [[nodiscard, gnu::always_inline]] bool install(GrantPlace place, Entry entry)
    {
        std::uint64_t* const at = find_near(place);
        return at ? put(*at, entry) : install_elsewhere(place, entry);
    }
    /// Clears the entry if it maps `frame` with the same writability. The counts of the mapping are the caller's then, to be
    /// given back after a flush. False when the entry holds something else.
    [[nodiscard, gnu::always_inline]] bool remove(GrantPlace place, Mfn frame, bool writable)
    {
        std::uint64_t* const at = find_near(place);
        return at ? take(*at, frame, writable) : remove_elsewhere(place, frame, writable);
    }

private:
    /// What the places in one table have in common.
    [[nodiscard]] static std::uint64_t key_of(GrantPlace place)
    {
        return place.kind == GrantAddress::linear ? place.address >> (page_shift + 9) : ~(place.address >> page_shift);
    }
    /// The entry, if it lies in the table that the place before it lay in.
    [[nodiscard, gnu::always_inline]] std::uint64_t* find_near(GrantPlace place) const
    {
        if (key_of(place) != known_) [[unlikely]]
            return nullptr;
        if (place.kind == GrantAddress::linear) [[likely]]
            return &table_[table_index(place.address, 1)];
        return place.address % 8 == 0 ? &table_[place.address % page_size / 8] : nullptr;
    }
    [[nodiscard]] std::uint64_t* find(GrantPlace place);
    [[nodiscard]] bool install_elsewhere(GrantPlace place, Entry entry);
    [[nodiscard]] bool remove_elsewhere(GrantPlace place, Mfn frame, bool writable);

    [[nodiscard, gnu::always_inline]] static bool put(std::uint64_t& at, Entry entry)
    {
        Entry const fresh = adjust(entry, 1);
        auto const slot = shared(at);
        if (Entry{slot.load(relaxed)}.is_present()) [[unlikely]]
            replace(at, fresh);
        else // and stays so: the processor marks present entries only
            slot.store(fresh.bits(), release);
        return true;
    }
    static void replace(std::uint64_t& at, Entry fresh);
    [[nodiscard, gnu::always_inline]] static bool take(std::uint64_t& at, Mfn frame, bool writable)
    {
        auto const slot = shared(at);
        Entry const old{slot.load(relaxed)};
        if (!old.is_present() || old.frame() != frame || old.is_writable() != writable)
            return false;
        // The processor may set accessed and dirty meanwhile, nobody else anything. In order before who looks for CPUs to flush.
        slot.exchange(0, std::memory_order_seq_cst);
        return true;
    }

    static constexpr std::uint64_t nothing_known = 1ull << 63; ///< no key: those of linear addresses are smaller, the others larger
    Space& space_;
    Mfn root_;
    /// The table that the last place lay in. It stays one while the lock is held.
    std::uint64_t known_ = nothing_known;
    std::uint64_t* table_ = nullptr;
};

} // namespace rf::pvmmu
