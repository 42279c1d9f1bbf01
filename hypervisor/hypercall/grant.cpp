// SPDX-License-Identifier: MIT
/// grant_table_op (public header grant_table.h). Arguments: operation, address of an array, number of elements. Elements
/// get statuses of their own; the call itself fails only for what concerns the array.
#include "cpu/tlb.hpp"
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "grant/copy.hpp"
#include "guest/access.hpp"
#include "hypercall/handlers.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/grant_places.hpp"
#include "xen/grant.h"

#include <algorithm>
#include <span>

namespace rf::hypercall {
namespace {

/// Elements that one segment works through; each may flush translations on several CPUs or copy a page.
constexpr std::uint64_t elements_per_segment = 32;
/// Elements that are read, worked on and written back together.
constexpr std::uint64_t chunk = grant::GrantTable::most_at_once;
static_assert(elements_per_segment % chunk == 0);

/// The calling domain's page tables as room grant/ needs them.
class CallerTables final : public grant::PageTables {
public:
    explicit CallerTables(Call& call) : domain_(call.domain), places_(call.domain.space, pvcpu::current_root(call.vcpu)) {}
    void open() override { places_.open(); }
    void close() override { places_.close(); }
    bool install(pvmmu::GrantPlace place, pvmmu::Entry entry) override { return places_.install(place, entry); }
    bool remove(pvmmu::GrantPlace place, Mfn frame, bool writable) override { return places_.remove(place, frame, writable); }
    void flush() override { cpu::flush_cpus(domain_.loaded_on()); }

private:
    domain::Domain& domain_;
    pvmmu::GrantPlaces places_;
};

/// Finds the other party of a copy; elements of one call mostly name the same one.
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

/// Writes elements back, one by one after a failure: as far as the guest can learn of them, they count. Yields how many.
template <class Element>
[[nodiscard]] std::uint64_t write_singly(guest::Array<Element> const& elements, std::uint64_t first, std::span<Element const> from)
{
    std::uint64_t written = 0;
    while (written < from.size() && elements.put_back(first + written, &from[written], 1))
        ++written;
    return written;
}

/// Work()(call, span of elements) on the one element of the call. Work::undo runs if it could not be written back.
template <class Element, class Work>
[[nodiscard, gnu::noinline]] Outcome for_one(Call& call)
{
    Element element;
    TRY(guest::copy_in(element, call[1]));
    std::span<Element> const part(&element, 1);
    Work()(call, part);
    if (!guest::Array<Element>(call[1], 1).put_back(0, &element, 1)) {
        Work::undo(call, part);
        return fail(Errno::efault);
    }
    return Outcome::ok();
}

/// The same on an array, chunk by chunk: each is read at one go, worked on and written back.
template <class Element, class Work>
[[nodiscard, gnu::noinline]] Outcome for_chunks(Call& call)
{
    guest::Array<Element> const elements(call[1], call.narrow(2));
    for (std::uint64_t done = 0; done < elements.size();) {
        if (done == elements_per_segment)
            return Outcome::again(call, {call[0], elements.address_of(done), elements.size() - done, 0, 0, 0});
        Element copied[chunk];
        std::uint64_t const wanted = std::min(chunk, elements.size() - done);
        std::uint64_t const count = elements.read_some(done, copied, wanted);
        if (count == 0)
            return fail(Errno::efault);
        std::span<Element> const part(copied, count);
        Work()(call, part);
        if (Status const written = elements.put_back(done, copied, count); !written) {
            Work::undo(call, part.subspan(write_singly<Element>(elements, done, part)));
            return fail(written.error());
        }
        if (count < wanted)
            return fail(Errno::efault);
        done += count;
    }
    return Outcome::ok();
}

template <class Element, class Work>
[[nodiscard]] inline Outcome for_each(Call& call)
{
    return call.narrow(2) == 1 ? for_one<Element, Work>(call) : for_chunks<Element, Work>(call);
}

/// Maps elements that name one granter.
void map_from(Call& call, CallerTables& tables, domain::Domain* granter, std::span<xen::gnttab_map_grant_ref> ops)
{
    if (granter) [[likely]]
        return call.domain.grants.map(granter->grants, tables, ops);
    for (xen::gnttab_map_grant_ref& op : ops)
        op.status = xen::GNTST_bad_domain;
}

struct Map {
    void operator()(Call& call, std::span<xen::gnttab_map_grant_ref> ops) const
    {
        CallerTables tables(call);
        for (std::size_t first = 0, end = 0; first < ops.size(); first = end) {
            xen::domid_t const dom = ops[first].dom;
            for (end = first + 1; end < ops.size() && ops[end].dom == dom;)
                ++end;
            auto const granter = domain::find(DomainId{dom});
            map_from(call, tables, granter ? &**granter : nullptr, ops.subspan(first, end - first));
        }
    }
    /// A mapping whose handle the guest cannot learn would stay until it dies.
    static void undo(Call& call, std::span<xen::gnttab_map_grant_ref const> ops)
    {
        CallerTables tables(call);
        for (xen::gnttab_map_grant_ref const& op : ops) {
            if (op.status != xen::GNTST_okay)
                continue;
            xen::gnttab_unmap_grant_ref back{op.host_addr, op.dev_bus_addr, op.handle, 0};
            call.domain.grants.unmap(tables, {&back, 1}); // fails only if the guest changed its page table meanwhile
        }
    }
};

struct Unmap {
    void operator()(Call& call, std::span<xen::gnttab_unmap_grant_ref> ops) const
    {
        CallerTables tables(call);
        call.domain.grants.unmap(tables, ops);
    }
    static void undo(Call&, std::span<xen::gnttab_unmap_grant_ref const>) {}
};

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

[[nodiscard]] inline xen::grant_status copy_one(Call& call, Peer& sources, Peer& destinations, xen::gnttab_copy const& op)
{
    auto const source = decode_end(call, sources, op.source, kind_of(op, xen::GNTCOPY_source_gref));
    if (!source)
        return source.error();
    auto const destination = decode_end(call, destinations, op.dest, kind_of(op, xen::GNTCOPY_dest_gref));
    if (!destination)
        return destination.error();
    return grant::copy(call.domain.id(), *source, *destination, op.len);
}

struct Copy {
    void operator()(Call& call, std::span<xen::gnttab_copy> ops) const
    {
        Peer sources;
        Peer destinations;
        for (xen::gnttab_copy& op : ops)
            op.status = copy_one(call, sources, destinations, op);
    }
    static void undo(Call&, std::span<xen::gnttab_copy const>) {}
};

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

/// All but the three operations that are asked for all the time.
[[nodiscard, gnu::noinline]] Outcome other_operation(Call& call)
{
    switch (call.narrow(0)) {
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

} // namespace

Outcome grant_table_op(Call& call)
{
    if (static_cast<std::int32_t>(call.narrow(2)) < 0)
        return fail(Errno::einval);
    switch (call.narrow(0)) {
    case xen::GNTTABOP_map_grant_ref:
        return for_each<xen::gnttab_map_grant_ref, Map>(call);
    case xen::GNTTABOP_unmap_grant_ref:
        return for_each<xen::gnttab_unmap_grant_ref, Unmap>(call);
    case xen::GNTTABOP_copy:
        return for_each<xen::gnttab_copy, Copy>(call);
    default:
        return other_operation(call);
    }
}

} // namespace rf::hypercall
