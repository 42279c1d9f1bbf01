// SPDX-License-Identifier: MIT
/// memory_op: choice of the sub-operation, and the ones that only answer with a number.
#include "hypercall/memory.hpp"

#include "domain/table.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "mm/frame_table.hpp"
#include "mm/frame_trade.hpp"

#include <algorithm>

namespace rf::hypercall {
namespace memory {
namespace {

/// What a guest may be told as a count: it must look positive, and Linux keeps page counts in 32 bits.
constexpr std::uint64_t unlimited = 0xffff'ffffull;
constexpr unsigned guest_order_limit = 9, control_order_limit = mm::FrameTrade::largest_order;

[[nodiscard]] Outcome answer(std::uint64_t number)
{
    return Outcome::value(static_cast<std::int64_t>(number & ~(1ull << 63)));
}

/// current_reservation, maximum_reservation, maximum_gpfn: one number about one domain.
[[nodiscard]] Outcome ask_domain(Call& call)
{
    auto const asked = guest::fetch<xen::xen_memory_domain>(call[1]);
    if (!asked)
        return fail(asked.error());
    auto const target = domain::find_target(call.domain, DomainId{asked->domid});
    if (!target)
        return fail(target.error());
    domain::Domain& domain = **target;
    switch (command(call)) {
    case xen::XENMEM_current_reservation:
        return answer(domain.memory.pages());
    case xen::XENMEM_maximum_reservation:
        return answer(std::min(domain.memory.limit(), unlimited));
    default: {
        std::uint64_t const frames = shared(domain.shared_info()->arch.max_pfn).load(relaxed);
        return answer((frames ? frames : 1) - 1);
    }
    }
}

/// Sub-operations that are never continued.
[[nodiscard]] Outcome run_short(Call& call)
{
    switch (command(call)) {
    case xen::XENMEM_maximum_ram_page:
        return answer(mm::frames.limit().value - 1);
    case xen::XENMEM_current_reservation:
    case xen::XENMEM_maximum_reservation:
    case xen::XENMEM_maximum_gpfn:
        return ask_domain(call);
    case xen::XENMEM_machphys_mfn_list:
        return Outcome::of(get_machphys_frames(call));
    case xen::XENMEM_machphys_mapping:
        return Outcome::of(get_machphys_mapping(call));
    case xen::XENMEM_memory_map:
        return Outcome::of(get_memory_map(call));
    case xen::XENMEM_machine_memory_map:
        return Outcome::of(get_machine_memory_map(call));
    case xen::XENMEM_set_memory_map:
        return Outcome::of(set_memory_map(call));
    case xen::XENMEM_claim_pages:
        return claim_pages(call);
    case xen::XENMEM_reserved_device_memory_map:
        return Outcome::of(get_reserved_device_memory(call));
    case xen::XENMEM_get_vnumainfo:
        return fail(Errno::eopnotsupp);
    case xen::XENMEM_add_to_physmap:
    case xen::XENMEM_add_to_physmap_batch:
    case xen::XENMEM_remove_from_physmap:
        return fail(Errno::einval); // a PV domain keeps its own pseudo-physical numbering
    default:
        return fail(Errno::enosys);
    }
}

} // namespace

Outcome continue_from(Call& call, std::uint64_t done)
{
    Arguments next = call.arguments();
    next[0] = command(call) | done << command_bits;
    return Outcome::again(call, next);
}

unsigned order_limit(domain::Domain const& caller)
{
    return caller.is_control() ? control_order_limit : guest_order_limit;
}

} // namespace memory

Outcome memory_op(Call& call)
{
    switch (memory::command(call)) {
    case xen::XENMEM_populate_physmap:
    case xen::XENMEM_increase_reservation:
    case xen::XENMEM_decrease_reservation:
        return memory::change_reservation(call);
    case xen::XENMEM_acquire_resource:
        return memory::acquire_resource(call);
    case xen::XENMEM_exchange:
        return memory::exchange(call);
    default:
        return memory::progress(call) ? fail(Errno::einval) : memory::run_short(call);
    }
}

} // namespace rf::hypercall
