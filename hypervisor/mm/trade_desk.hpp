// SPDX-License-Identifier: MIT
#pragma once
/// The one trade (FrameTrade) that a domain may have under way, between two segments of the hypercall that makes it. Whoever
/// works on it takes it out and puts it back, so that no lock is held over copies to the guest.
///
/// A trade goes on by the ticket that its hypercall carries. Whoever has none, or that of a trade that is gone, waits; a trade that
/// nobody goes on with meanwhile is given up and its frames go back (its hypercall then begins anew: the guest was told nothing),
/// or finished if it was committed.

#include "base/spinlock.hpp"
#include "mm/frame_trade.hpp"

namespace rf::mm {

class TradeDesk {
public:
    /// How often others are turned away before a trade that stands still is given up.
    static constexpr unsigned patience = 64;

    /// What a continued hypercall knows of its trade. It comes back from the guest, which can spoil only its own trades by it.
    struct Ticket {
        std::uint32_t serial = 0; ///< 0: no trade yet
        bool committed = false;
        static constexpr unsigned bits = 31;
        [[nodiscard]] constexpr std::uint64_t word() const { return std::uint64_t{serial} << 1 | committed; }
        [[nodiscard]] static constexpr Ticket of(std::uint64_t word)
        {
            return {static_cast<std::uint32_t>(word >> 1) & largest_serial, (word & 1) != 0};
        }
    };
    /// A trade in the hands of one CPU.
    struct Work {
        Box<FrameTrade> trade; ///< none: the desk was free and is reserved now, for a new trade
        std::uint32_t serial = 0;
    };
    /// The trade that the ticket names if it is still there; else a place for a new one. Errno::ebusy: come again, another trade is
    /// under way; Errno::enodata: it was committed and others finished it; Errno::esrch: the domain dies.
    [[nodiscard]] Result<Work> begin(Ticket ticket, DomainMemory& memory, Budget& budget);
    /// Puts an unfinished trade back.
    void pause(Work work);
    /// The trade ended, or did not begin: the desk is free.
    void end();
    /// Teardown: no new trade begins, and the one under way is undone, or finished if it is committed.
    [[nodiscard]] Progress close(DomainMemory& memory, Budget& budget);

private:
    static constexpr std::uint32_t largest_serial = (1u << (Ticket::bits - 1)) - 1;
    [[nodiscard]] Work take_out();
    [[nodiscard]] Progress get_rid_of(Work work, DomainMemory& memory, Budget& budget);

    Spinlock lock_{LockRank::domain_memory};
    Box<FrameTrade> trade_;
    std::uint32_t serial_ = 0;   ///< of the last trade that began
    unsigned turned_away_ = 0;   ///< since it went on last
    bool reserved_ = false;      ///< it is in the hands of a CPU
    bool closed_ = false;
};

} // namespace rf::mm
