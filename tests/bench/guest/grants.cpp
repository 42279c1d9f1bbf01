// SPDX-License-Identifier: MIT
/// Grants of this domain to itself: mapped and unmapped, copied.
#include <array>

#include "measure.hpp"
#include "xen/domid.h"
#include "xen/grant.h"
#include "xen/mmu.h"

namespace rf::bench {

using namespace runtime;

namespace {

constexpr unsigned batch = 32;

struct Lent {
    std::byte* page;
    GrantReference reference;
    std::byte* place;  ///< an address without a page
};
using LentPages = std::array<Lent, batch>;

/// The initial domain is number 0; others ask the store.
xen::domid_t own_number()
{
    static const xen::domid_t number = [] {
        if (is_initial_domain())
            return xen::domid_t{0};
        require(connect_store(start_info()), "reach the store");
        return static_cast<xen::domid_t>(require(store.read_number("domid"), "read this domain's number"));
    }();
    return number;
}

LentPages lend_pages()
{
    LentPages lent;
    for (auto& one : lent) {
        one.page = memory.allocate();
        one.reference = require(grants.lend(own_number(), one.page, GrantAccess::read_write), "lend a page");
        one.place = memory.allocate();
        require(memory.make_inaccessible(one.place), "make room for a grant");
    }
    return lent;
}

xen::gnttab_map_grant_ref mapping[batch];
xen::gnttab_unmap_grant_ref unmapping[batch];

void prepare(const LentPages& lent)
{
    for (unsigned i = 0; i < batch; ++i) {
        mapping[i] = {};
        mapping[i].host_addr = reinterpret_cast<std::uint64_t>(lent[i].place);
        mapping[i].flags = xen::GNTMAP_host_map;
        mapping[i].ref = lent[i].reference;
        mapping[i].dom = own_number();
        unmapping[i] = {};
        unmapping[i].host_addr = mapping[i].host_addr;
    }
}

/// Maps and unmaps the first `count`; the few instructions that carry the handles over are counted too.
void map_and_unmap(unsigned count)
{
    hypercall(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_map_grant_ref, &mapping[0], count);
    for (unsigned i = 0; i < count; ++i)
        unmapping[i].handle = mapping[i].handle;
    hypercall(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_unmap_grant_ref, &unmapping[0], count);
}

bool all_well()
{
    bool good = true;
    for (unsigned i = 0; i < batch; ++i)
        good = good && mapping[i].status == xen::GNTST_okay && unmapping[i].status == xen::GNTST_okay;
    return good;
}

void measure_copies(const LentPages& lent)
{
    static xen::gnttab_copy copies[batch];
    const auto prepare = [&](std::uint16_t length) {
        for (unsigned i = 0; i < batch; ++i) {
            copies[i] = {};
            copies[i].source.u.ref = lent[i].reference;
            copies[i].source.domid = own_number();
            copies[i].dest.u.gmfn = static_cast<std::uint64_t>(memory.machine_frame(lent[(i + 1) % batch].page));
            copies[i].dest.domid = xen::DOMID_SELF;
            copies[i].len = length;
            copies[i].flags = xen::GNTCOPY_source_gref;
        }
    };
    const auto copy = [](unsigned count) {
        return [count] { hypercall(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_copy, &copies[0], count); };
    };
    prepare(64);
    copy(batch)();
    for (const auto& one : copies)
        if (one.status != xen::GNTST_okay)
            return refuse("M17", "a copy was refused", one.status);
    measure("M17.64_bytes", 500, 1, copy(1));
    measure("M17.64_bytes_batch", 100, batch, copy(batch));
    prepare(page_size);
    measure("M17", 500, 1, copy(1));
    measure("M17.batch", 50, batch, copy(batch));
}

}  // namespace

void measure_grants()
{
    if (!wanted("M16") && !wanted("M17"))
        return;
    require(grants.initialise(), "set up the grant table");
    const LentPages lent = lend_pages();
    prepare(lent);
    map_and_unmap(batch);
    if (!all_well())
        return refuse("M16", "a grant to ourselves could not be mapped or unmapped", mapping[0].status);
    measure("M16.single", 500, 1, [] { map_and_unmap(1); });
    measure("M16.batch", 50, batch, [] { map_and_unmap(batch); });
    measure_copies(lent);
}

}  // namespace rf::bench
