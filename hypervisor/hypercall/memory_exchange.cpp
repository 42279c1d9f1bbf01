// SPDX-License-Identifier: MIT
/// XENMEM_exchange: a domain trades frames for as many others that lie together, or below some address.
///
/// The unit is the chunk: the smallest number of frames that both sides can express in whole extents. A chunk is traded
/// wholly or not at all, as one FrameTrade; the call may be continued within it.
#include "base/budget.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/memory.hpp"
#include "hypercall/memory_trade.hpp"

#include <algorithm>

namespace rf::hypercall::memory {
namespace {

/// A checked request.
struct Bargain {
    domain::DomainRef target;
    guest::Array<xen::xen_pfn_t> given{0, 0};
    guest::Array<xen::xen_pfn_t> wanted{0, 0};
    unsigned given_order = 0;
    unsigned wanted_order = 0;
    unsigned address_bits = 64;
    std::uint64_t done = 0; ///< extents of `given`

    [[nodiscard]] unsigned chunk_order() const { return std::max(given_order, wanted_order); }
    [[nodiscard]] std::uint64_t given_per_chunk() const { return 1ull << (chunk_order() - given_order); }
    [[nodiscard]] std::uint64_t wanted_per_chunk() const { return 1ull << (chunk_order() - wanted_order); }
};

[[nodiscard]] Status check(domain::Domain const& caller, xen::xen_memory_exchange const& request)
{
    xen::xen_memory_reservation const& in = request.in;
    xen::xen_memory_reservation const& out = request.out;
    unsigned const largest = order_limit(caller); // a chunk's lists are kept meanwhile
    if (in.extent_order > largest || out.extent_order > largest)
        return fail(Errno::eperm);
    constexpr std::uint64_t most_frames = 1ull << 40;
    if (in.domid != out.domid || in.nr_extents > most_frames || out.nr_extents > most_frames ||
        in.nr_extents << in.extent_order != out.nr_extents << out.extent_order)
        return fail(Errno::einval);
    unsigned const chunk_order = std::max(in.extent_order, out.extent_order);
    std::uint64_t const per_chunk = 1ull << (chunk_order - in.extent_order);
    if (in.nr_extents % per_chunk || request.nr_exchanged > in.nr_extents || request.nr_exchanged % per_chunk)
        return fail(Errno::einval);
    return {};
}

[[nodiscard]] Result<Bargain> decode(Call& call, xen::xen_memory_exchange const& request)
{
    TRY(check(call.domain, request));
    Bargain bargain;
    bargain.target = TRY(domain::find_target(call.domain, DomainId{request.in.domid}));
    if (bargain.target->life.load(relaxed) != domain::LifeState::alive)
        return fail(Errno::esrch);
    bargain.given = {request.in.extent_start.address, request.in.nr_extents};
    bargain.wanted = {request.out.extent_start.address, request.out.nr_extents};
    bargain.given_order = request.in.extent_order;
    bargain.wanted_order = request.out.extent_order;
    if (unsigned const bits = xen::XENMEMF_get_address_bits(request.out.mem_flags))
        bargain.address_bits = std::min(bits, 64u);
    bargain.done = request.nr_exchanged;
    return bargain;
}

/// The next chunk, or a part of it.
[[nodiscard]] Result<Progress> trade_chunk(Bargain& bargain, mm::TradeDesk::Ticket& ticket, Budget& budget)
{
    mm::FrameTrade::Terms const terms{.wanted_count = bargain.wanted_per_chunk(),
                                      .wanted_order = bargain.wanted_order,
                                      .address_bits = bargain.address_bits,
                                      .given_count = bargain.given_per_chunk(),
                                      .given_order = bargain.given_order};
    std::uint64_t const first_wanted = bargain.done / bargain.given_per_chunk() * bargain.wanted_per_chunk();
    auto const fill = [&](mm::FrameTrade& trade) -> Status {
        TRY(bargain.given.read(bargain.done, trade.given().data(), trade.given().size()));
        return bargain.wanted.read(first_wanted, trade.numbers().data(), trade.numbers().size());
    };
    auto const tell = [&](mm::FrameTrade& trade) {
        return guest::copy_bytes_out(GuestVirtual{bargain.wanted.address_of(first_wanted)}, trade.found().data(),
                                     trade.found().size_bytes());
    };
    return carry_on(bargain.target->memory, terms, ticket, budget, fill, tell);
}

/// Trades chunk after chunk until the list ends, something fails, or the budget is used up.
[[nodiscard]] Result<Progress> run(Bargain& bargain, mm::TradeDesk::Ticket& ticket)
{
    Budget budget{units_per_segment};
    while (bargain.done < bargain.given.size()) {
        if (budget.exhausted() || TRY(trade_chunk(bargain, ticket, budget)) == Progress::more)
            return Progress::more;
        bargain.done += bargain.given_per_chunk();
    }
    return Progress::done;
}

} // namespace

Outcome exchange(Call& call)
{
    auto request = guest::fetch<xen::xen_memory_exchange>(call[1]);
    if (!request)
        return fail(request.error());
    auto bargain = decode(call, *request);
    if (!bargain)
        return fail(bargain.error());
    auto ticket = mm::TradeDesk::Ticket::of(progress(call));
    auto const outcome = run(*bargain, ticket);
    bool const goes_on = outcome && *outcome == Progress::more;
    if (!goes_on || request->nr_exchanged != bargain->done) {
        request->nr_exchanged = bargain->done;
        if (Status told = guest::copy_out(call[1], *request); !told)
            return fail(told.error());
    }
    if (!outcome)
        return fail(outcome.error());
    return goes_on ? continue_from(call, ticket.word()) : Outcome::ok();
}

} // namespace rf::hypercall::memory
