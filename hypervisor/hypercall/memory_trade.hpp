// SPDX-License-Identifier: MIT
#pragma once
/// One segment of a hypercall that makes a trade (mm/frame_trade.hpp): the half that speaks with the guest.

#include "base/budget.hpp"
#include "mm/domain_memory.hpp"

namespace rf::hypercall::memory {

/// Goes on with the trade of `ticket`, or begins one on these terms: `fill` reads its lists (Status(FrameTrade&)), `tell` tells the
/// guest what was found; both may fail. Progress::more: call again with the ticket. Otherwise the trade is over and the ticket void.
template <class Fill, class Tell>
[[nodiscard]] Result<Progress> carry_on(mm::DomainMemory& memory, mm::FrameTrade::Terms const& terms,
                                        mm::TradeDesk::Ticket& ticket, Budget& budget, Fill fill, Tell tell)
{
    using Stage = mm::FrameTrade::Stage;
    auto work = memory.trades.begin(ticket, memory, budget);
    if (!work && work.error() == Errno::ebusy)
        return Progress::more;
    ticket = {};
    if (!work && work.error() == Errno::enodata)
        return Progress::done;
    if (!work)
        return fail(work.error());
    if (!work->trade) {
        auto made = mm::FrameTrade::make(terms, memory);
        if (!made) {
            memory.trades.end();
            return fail(made.error());
        }
        work->trade = std::move(*made);
        if (Status const filled = fill(*work->trade); !filled)
            work->trade->abandon(filled.error());
    }
    mm::FrameTrade& trade = *work->trade;
    trade.advance(memory, budget);
    while (trade.stage() == Stage::tell) {
        if (Status const told = tell(trade); told)
            trade.note_told();
        else
            trade.abandon(told.error());
        trade.advance(memory, budget);
    }
    if (trade.stage() != Stage::ended) {
        ticket = {work->serial, trade.is_committed()};
        memory.trades.pause(std::move(*work));
        return Progress::more;
    }
    Status const result = trade.result();
    work->trade = {};
    memory.trades.end();
    if (!result && result.error() == Errno::eagain) // others gave it up: from the beginning
        return Progress::more;
    TRY(result);
    return Progress::done;
}

} // namespace rf::hypercall::memory
