// SPDX-License-Identifier: MIT
/// grant_table_op (public header grant_table.h). Arguments: operation, address of an array, number of elements. Elements
/// get statuses of their own; the call itself fails only for what concerns the array.
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "grant/copy.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "xen/grant.h"

namespace rf::hypercall {
namespace {

/// Elements that one segment works through; each may flush translations on several CPUs or copy a page.
constexpr std::uint32_t elements_per_segment = 32;

/// The calling domain's page tables as room grant/ needs them.
class CallerTables final : public grant::PageTables {
public:
    explicit CallerTables(domain::Domain& domain) : domain_(domain) {}
    Status install(pvmmu::GrantPlace place, pvmmu::GrantEntry const& entry) override
    {
        return pvmmu::install_grant(domain_, place, entry);
    }
    Status remove(pvmmu::GrantPlace place, Mfn frame, bool writable) override
    {
        return pvmmu::remove_grant(domain_, place, frame, writable);
    }

private:
    domain::Domain& domain_;
};

/// Finds the other party; elements of one call mostly name the same one.
class Peer {
public:
    /// Null when there is no such domain.
    [[nodiscard]] domain::Domain* find(DomainId id)
    {
        if (!ref_ || ref_->id() != id) {
            auto found = domain::find(id);
            if (!found)
                return nullptr;
            ref_ = std::move(*found);
        }
        return &*ref_;
    }

private:
    domain::DomainRef ref_;
};

[[nodiscard]] xen::grant_status status_of(Errno error)
{
    switch (error) {
    case Errno::esrch:
        return xen::GNTST_bad_domain;
    case Errno::eperm:
        return xen::GNTST_permission_denied;
    default:
        return xen::GNTST_general_error;
    }
}

/// Runs step(Element&) on every element and writes each back. `undo` runs for an element that could not be written back.
template <class Element, class Step, class Undo>
[[nodiscard]] Outcome for_each_element(Call& call, Step step, Undo undo)
{
    guest::Array<Element> const elements(call[1], call.narrow(2));
    Budget budget(elements_per_segment);
    for (std::uint64_t done = 0; done < elements.size(); ++done) {
        if (!budget.spend())
            return Outcome::again(call, {call[0], elements.address_of(done), elements.size() - done, 0, 0, 0});
        Element element;
        TRY(elements.read(done, element));
        step(element);
        if (Status const written = elements.put(done, element); !written) {
            undo(element);
            return fail(written.error());
        }
    }
    return Outcome::ok();
}

constexpr auto nothing = [](auto const&) {};

Outcome map(Call& call)
{
    CallerTables tables(call.domain);
    Peer peer;
    auto const step = [&](xen::gnttab_map_grant_ref& op) {
        domain::Domain* granter = peer.find(DomainId{op.dom});
        op.status = granter ? call.domain.grants.map(granter->grants, tables, op) : xen::GNTST_bad_domain;
    };
    // A mapping whose handle the guest cannot learn would stay until it dies.
    auto const undo = [&](xen::gnttab_map_grant_ref const& op) {
        if (op.status != xen::GNTST_okay)
            return;
        xen::gnttab_unmap_grant_ref const back{op.host_addr, op.dev_bus_addr, op.handle, 0};
        (void)call.domain.grants.unmap(tables, back); // fails only if the guest changed its page table meanwhile
    };
    return for_each_element<xen::gnttab_map_grant_ref>(call, step, undo);
}

Outcome unmap(Call& call)
{
    CallerTables tables(call.domain);
    auto const step = [&](xen::gnttab_unmap_grant_ref& op) { op.status = call.domain.grants.unmap(tables, op); };
    return for_each_element<xen::gnttab_unmap_grant_ref>(call, step, nothing);
}

[[nodiscard]] grant::Granted<grant::CopyEnd> decode_end(Call& call, Peer& peer, xen::gnttab_copy_ptr const& end,
                                                        grant::CopyEnd::Kind kind)
{
    bool const by_grant = kind == grant::CopyEnd::Kind::grant;
    bool const own = DomainId{end.domid} == domid_self;
    if (!by_grant && !own)
        return grant::refuse(xen::GNTST_permission_denied);
    domain::Domain* owner = own ? &call.domain : peer.find(DomainId{end.domid});
    if (!owner)
        return grant::refuse(xen::GNTST_bad_domain);
    return grant::CopyEnd{owner->grants, kind, by_grant ? end.u.ref : end.u.gmfn, end.offset};
}

constexpr grant::CopyEnd::Kind kind_of(xen::gnttab_copy const& op, xen::grant_copy_flag flag)
{
    return op.flags & flag ? grant::CopyEnd::Kind::grant : grant::CopyEnd::Kind::frame;
}

Outcome copy(Call& call)
{
    Peer sources;
    Peer destinations;
    auto const run = [&](xen::gnttab_copy const& op) {
        auto const source = decode_end(call, sources, op.source, kind_of(op, xen::GNTCOPY_source_gref));
        if (!source)
            return source.error();
        auto const destination = decode_end(call, destinations, op.dest, kind_of(op, xen::GNTCOPY_dest_gref));
        if (!destination)
            return destination.error();
        return grant::copy(call.domain.id(), *source, *destination, op.len);
    };
    return for_each_element<xen::gnttab_copy>(call, [&](xen::gnttab_copy& op) { op.status = run(op); }, nothing);
}

/// Writes the list of frames out, one status for all.
[[nodiscard]] xen::grant_status list_frames(grant::GrantTable& table, xen::gnttab_setup_table const& op)
{
    if (!table.grow_to(op.nr_frames))
        return xen::GNTST_general_error;
    guest::Array<xen::xen_pfn_t> const list(op.frame_list.address, op.nr_frames);
    for (std::uint32_t index = 0; index < op.nr_frames; ++index) {
        auto const frame = table.frame(index);
        if (!frame)
            return xen::GNTST_general_error;
        if (!list.put(index, frame->value))
            return xen::GNTST_bad_virt_addr;
    }
    return xen::GNTST_okay;
}

Outcome setup_table(Call& call)
{
    if (call.narrow(2) != 1)
        return fail(Errno::einval);
    auto op = TRY(guest::fetch<xen::gnttab_setup_table>(call[1]));
    auto const target = domain::find_target(call.domain, DomainId{op.dom});
    op.status = target ? list_frames((*target)->grants, op) : status_of(target.error());
    return Outcome::of(guest::copy_out(call[1], op));
}

Outcome query_size(Call& call)
{
    if (call.narrow(2) != 1)
        return fail(Errno::einval);
    auto op = TRY(guest::fetch<xen::gnttab_query_size>(call[1]));
    auto const target = domain::find_target(call.domain, DomainId{op.dom});
    if (target) {
        op.nr_frames = (*target)->grants.frames();
        op.max_nr_frames = (*target)->grants.frame_limit();
    }
    op.status = target ? xen::GNTST_okay : status_of(target.error());
    return Outcome::of(guest::copy_out(call[1], op));
}

/// Entries have one layout here; asking for the other is answered as by a hypervisor that knows no versions.
Outcome set_version(Call& call)
{
    auto op = TRY(guest::fetch<xen::gnttab_set_version>(call[1]));
    if (op.version == 2)
        return fail(Errno::enosys);
    if (op.version != 1)
        return fail(Errno::einval);
    return Outcome::of(guest::copy_out(call[1], op));
}

Outcome get_version(Call& call)
{
    auto op = TRY(guest::fetch<xen::gnttab_get_version>(call[1]));
    TRY(domain::find_target(call.domain, DomainId{op.dom}));
    op.version = 1;
    return Outcome::of(guest::copy_out(call[1], op));
}

} // namespace

Outcome grant_table_op(Call& call)
{
    if (static_cast<std::int32_t>(call.narrow(2)) < 0)
        return fail(Errno::einval);
    switch (call.narrow(0)) {
    case xen::GNTTABOP_map_grant_ref:
        return map(call);
    case xen::GNTTABOP_unmap_grant_ref:
        return unmap(call);
    case xen::GNTTABOP_copy:
        return copy(call);
    case xen::GNTTABOP_setup_table:
        return setup_table(call);
    case xen::GNTTABOP_query_size:
        return query_size(call);
    case xen::GNTTABOP_set_version:
        return set_version(call);
    case xen::GNTTABOP_get_version:
        return get_version(call);
    default:
        // Absent by design: version 2 (get_status_frames), transfer, dump_table, unmap_and_replace, swap_grant_ref,
        // cache_flush.
        return fail(Errno::enosys);
    }
}

} // namespace rf::hypercall
