// SPDX-License-Identifier: MIT
/// Giving memory to a domain and taking it back, by extents of 2^order frames; and promises of memory.
#include "base/budget.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/memory.hpp"
#include "hypercall/memory_trade.hpp"
#include "mm/m2p.hpp"

#include <algorithm>
#include <optional>

namespace rf::hypercall::memory {
namespace {

/// Cost of one frame that is filled with zeros and handed out, and of one taken back.
constexpr std::uint32_t frame_cost = 4, giving_up_cost = 2;
/// Extents of up to so many frames are one piece of work; larger ones are a trade (mm/frame_trade.hpp).
constexpr unsigned largest_piece = 4;

/// A checked request. Lists of 2^26 extents are more than any machine has; the bound keeps the progress mark in range.
constexpr std::uint64_t most_extents = 1ull << 26;

/// How far a continued call has come: whole extents, and within one the ticket of its trade or how many frames were given up.
struct Place {
    static constexpr unsigned extent_bits = 27;
    std::uint64_t extent = 0;
    std::uint64_t within = 0;
    [[nodiscard]] static Place of(std::uint64_t word) { return {word & ((1ull << extent_bits) - 1), word >> extent_bits}; }
    [[nodiscard]] std::uint64_t word() const { return extent | within << extent_bits; }
};
static_assert(most_extents < 1ull << Place::extent_bits);
static_assert(command_bits + Place::extent_bits + mm::TradeDesk::Ticket::bits <= 64);

struct Request {
    domain::DomainRef target;
    guest::Array<xen::xen_pfn_t> extents{0, 0};
    bool has_list = false;
    std::uint64_t count = 0;
    unsigned order = 0;
    unsigned address_bits = 64;
};

/// Width of addresses asked for; nothing when no frame has so narrow an address.
[[nodiscard]] std::optional<unsigned> decode_address_bits(std::uint32_t flags)
{
    unsigned const bits = xen::XENMEMF_get_address_bits(flags);
    if (bits == 0 || bits > 64)
        return 64;
    return bits > page_shift ? std::optional{bits} : std::nullopt;
}

/// Nothing when the request cannot be served at all.
[[nodiscard]] std::optional<Request> decode(Call& call)
{
    auto const reservation = guest::fetch<xen::xen_memory_reservation>(call[1]);
    if (!reservation)
        return std::nullopt;
    auto const bits = decode_address_bits(reservation->mem_flags);
    bool const on_demand = reservation->mem_flags & xen::XENMEMF_populate_on_demand;
    if (reservation->nr_extents > most_extents || reservation->extent_order > order_limit(call.domain) || !bits ||
        on_demand)
        return std::nullopt;
    auto target = domain::find_target(call.domain, DomainId{reservation->domid});
    if (!target || (*target)->life.load(relaxed) != domain::LifeState::alive)
        return std::nullopt;
    Request request;
    request.target = std::move(*target);
    request.extents = {reservation->extent_start.address, reservation->nr_extents};
    request.has_list = reservation->extent_start.address != 0;
    request.count = reservation->nr_extents;
    request.order = reservation->extent_order;
    request.address_bits = *bits;
    return request;
}

void give_back(mm::DomainMemory& memory, Mfn first, unsigned order)
{
    for (std::uint64_t i = 0; i < 1ull << order; ++i)
        (void)memory.give_up(first + i); // the frames were made a moment ago; the guest may have given them up itself
}

/// Frames for the domain. Errno::esrch when it began to die meanwhile: its teardown may not have seen the frames. (It
/// lists frames after it said that it dies, and both lists are under one lock: either it sees ours or we see that.)
[[nodiscard]] Result<Mfn> allocate(Request& request)
{
    domain::Domain& domain = *request.target;
    Mfn const first = TRY(domain.memory.allocate(request.order, request.address_bits));
    if (domain.life.load(acquire) == domain::LifeState::alive)
        return first;
    give_back(domain.memory, first, request.order);
    return fail(Errno::esrch);
}

/// An extent in one piece.
[[nodiscard]] Status hand_out(Request& request, std::uint64_t index, Pfn number)
{
    Mfn const first = TRY(allocate(request));
    if (number.valid())
        for (std::uint64_t i = 0; i < 1ull << request.order; ++i)
            mm::set_m2p(first + i, number + i);
    Status const told = request.has_list ? request.extents.put(index, first.value) : Status{};
    if (!told)
        give_back(request.target->memory, first, request.order);
    return told;
}

/// An extent in pieces.
[[nodiscard]] Result<Progress> trade_out(Request& request, Place& place, bool numbered, Budget& budget)
{
    mm::FrameTrade::Terms const terms{.wanted_count = 1, .wanted_order = request.order, .address_bits = request.address_bits};
    auto const fill = [&](mm::FrameTrade& trade) -> Status {
        trade.numbers()[0] = numbered ? TRY(request.extents.at(place.extent)) : invalid_pfn.value;
        return {};
    };
    auto const tell = [&](mm::FrameTrade& trade) {
        return request.has_list ? request.extents.put(place.extent, trade.found()[0]) : Status{};
    };
    auto ticket = mm::TradeDesk::Ticket::of(place.within);
    auto const progress = carry_on(request.target->memory, terms, ticket, budget, fill, tell);
    place.within = ticket.word();
    return progress;
}

[[nodiscard]] Result<Progress> give_out(Request& request, Place& place, bool numbered, Budget& budget)
{
    if (request.order > largest_piece)
        return trade_out(request, place, numbered, budget);
    if (!budget.spend(frame_cost << request.order))
        return Progress::more;
    Pfn const number = numbered ? Pfn{TRY(request.extents.at(place.extent))} : invalid_pfn;
    TRY(hand_out(request, place.extent, number));
    return Progress::done;
}

/// One extent of populate_physmap: pseudo-physical frames in, machine frames out.
[[nodiscard]] Result<Progress> populate(Request& request, Place& place, Budget& budget)
{
    return give_out(request, place, true, budget);
}

/// One extent of increase_reservation: machine frames without a number.
[[nodiscard]] Result<Progress> increase(Request& request, Place& place, Budget& budget)
{
    return give_out(request, place, false, budget);
}

/// One extent of decrease_reservation. Frames of an extent that fails midway stay given up; it does not count as done.
[[nodiscard]] Result<Progress> decrease(Request& request, Place& place, Budget& budget)
{
    Mfn const first{TRY(request.extents.at(place.extent))};
    for (; place.within < 1ull << request.order; ++place.within) {
        if (!budget.spend(giving_up_cost))
            return Progress::more;
        TRY(request.target->memory.give_up_ordinary(first + place.within));
    }
    return Progress::done;
}

using Step = Result<Progress> (*)(Request&, Place&, Budget&);

[[nodiscard]] Step step_of(std::uint32_t command)
{
    switch (command) {
    case xen::XENMEM_populate_physmap:
        return populate;
    case xen::XENMEM_increase_reservation:
        return increase;
    default:
        return decrease;
    }
}

} // namespace

Outcome change_reservation(Call& call)
{
    Place place = Place::of(progress(call));
    auto request = decode(call);
    if (!request)
        return Outcome::value(static_cast<std::int64_t>(std::min(place.extent, most_extents)));
    Step const step = step_of(command(call));
    Budget budget{units_per_segment};
    // A guest that asks for less when its call comes again is told all the same what it got until then.
    for (; place.extent < request->count; ++place.extent, place.within = 0) {
        auto const done = step(*request, place, budget);
        if (!done)
            break;
        if (*done == Progress::more)
            return continue_from(call, place.word());
    }
    return Outcome::value(static_cast<std::int64_t>(place.extent));
}

Outcome claim_pages(Call& call)
{
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    auto const reservation = guest::fetch<xen::xen_memory_reservation>(call[1]);
    if (!reservation)
        return fail(reservation.error());
    if (reservation->extent_start.address || reservation->extent_order || reservation->mem_flags)
        return fail(Errno::einval);
    auto const target = domain::find_target(call.domain, DomainId{reservation->domid});
    if (!target)
        return fail(target.error());
    // A dying domain may only end its claim.
    if (reservation->nr_extents && (*target)->life.load(relaxed) != domain::LifeState::alive)
        return fail(Errno::esrch);
    return Outcome::of((*target)->memory.set_claim(reservation->nr_extents));
}

} // namespace rf::hypercall::memory
