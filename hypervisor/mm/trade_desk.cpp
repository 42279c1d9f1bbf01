// SPDX-License-Identifier: MIT
#include "mm/trade_desk.hpp"

namespace rf::mm {

/// Under the lock.
TradeDesk::Work TradeDesk::take_out()
{
    reserved_ = true;
    return {std::move(trade_), serial_};
}

Result<TradeDesk::Work> TradeDesk::begin(Ticket ticket, DomainMemory& memory, Budget& budget)
{
    Work forsaken;
    {
        LockGuard guard(lock_);
        if (closed_)
            return fail(Errno::esrch);
        bool const is_ours = ticket.serial == serial_ && (trade_ || reserved_);
        if (ticket.committed && !is_ours)
            return fail(Errno::enodata);
        if (reserved_)
            return fail(Errno::ebusy);
        if (!trade_) {
            serial_ = serial_ == largest_serial ? 1 : serial_ + 1;
            return take_out();
        }
        if (is_ours)
            return take_out();
        if (turned_away_ < patience) {
            ++turned_away_;
            return fail(Errno::ebusy);
        }
        forsaken = take_out();
    }
    (void)get_rid_of(std::move(forsaken), memory, budget);
    return fail(Errno::ebusy);
}

void TradeDesk::pause(Work work)
{
    LockGuard guard(lock_);
    trade_ = std::move(work.trade);
    reserved_ = false;
    turned_away_ = 0;
}

void TradeDesk::end()
{
    LockGuard guard(lock_);
    reserved_ = false;
    turned_away_ = 0;
}

Progress TradeDesk::get_rid_of(Work work, DomainMemory& memory, Budget& budget)
{
    work.trade->abandon(Errno::eagain);
    work.trade->advance(memory, budget);
    if (work.trade->stage() == FrameTrade::Stage::ended) {
        work.trade = {};
        end();
        return Progress::done;
    }
    LockGuard guard(lock_);
    trade_ = std::move(work.trade);
    reserved_ = false; // as forsaken as before: whoever comes next goes on
    return Progress::more;
}

Progress TradeDesk::close(DomainMemory& memory, Budget& budget)
{
    Work left;
    {
        LockGuard guard(lock_);
        closed_ = true;
        if (reserved_)
            return Progress::more; // for no longer than a segment of a hypercall
        if (!trade_)
            return Progress::done;
        left = take_out();
    }
    return get_rid_of(std::move(left), memory, budget);
}

} // namespace rf::mm
