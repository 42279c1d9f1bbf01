// SPDX-License-Identifier: MIT
/// Giving memory to a domain and taking it back, by extents of 2^order frames; and promises of memory.
#include "base/budget.hpp"
#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/memory.hpp"
#include "mm/m2p.hpp"

#include <algorithm>
#include <optional>

namespace rf::hypercall::memory {
namespace {

/// What one segment may do: 48 frames, each of which is filled with zeros (docs/security/bounds.md). An extent is one piece.
constexpr std::uint32_t units_per_segment = 48 * frame_cost;

/// A checked request. Lists of 2^26 extents are more than any machine has; the bound keeps the progress mark in range.
constexpr std::uint64_t most_extents = 1ull << 26;

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

/// One extent of populate_physmap: pseudo-physical frames in, machine frames out.
[[nodiscard]] Status populate(Request& request, std::uint64_t index)
{
    Pfn const pfn{TRY(request.extents.at(index))};
    Mfn const first = TRY(allocate(request));
    for (std::uint64_t i = 0; i < 1ull << request.order; ++i)
        mm::set_m2p(first + i, pfn + i);
    Status const told = request.extents.put(index, first.value);
    if (!told)
        give_back(request.target->memory, first, request.order);
    return told;
}

/// One extent of increase_reservation: machine frames without a number.
[[nodiscard]] Status increase(Request& request, std::uint64_t index)
{
    Mfn const first = TRY(allocate(request));
    Status const told = request.has_list ? request.extents.put(index, first.value) : Status{};
    if (!told)
        give_back(request.target->memory, first, request.order);
    return told;
}

/// One extent of decrease_reservation. Frames of an extent that fails midway stay given up; it does not count as done.
[[nodiscard]] Status decrease(Request& request, std::uint64_t index)
{
    Mfn const first{TRY(request.extents.at(index))};
    for (std::uint64_t i = 0; i < 1ull << request.order; ++i)
        TRY(request.target->memory.give_up_ordinary(first + i));
    return {};
}

using Step = Status (*)(Request&, std::uint64_t);

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
    std::uint64_t done = progress(call);
    auto request = decode(call);
    if (!request)
        return Outcome::value(static_cast<std::int64_t>(std::min(done, most_extents)));
    if (done && done >= request->count)
        return fail(Errno::einval);
    Step const step = step_of(command(call));
    // The first extent is always served, however large: a call that is continued for ever would be worse.
    Budget budget{units_per_segment};
    for (; done < request->count; ++done) {
        if (budget.exhausted())
            return continue_from(call, done);
        if (!step(*request, done))
            break;
        (void)budget.spend(frame_cost << request->order);
    }
    return Outcome::value(static_cast<std::int64_t>(done));
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
