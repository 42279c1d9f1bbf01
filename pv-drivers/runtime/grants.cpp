// SPDX-License-Identifier: MIT
#include "grants.hpp"

#include <atomic>

#include "hypercall.hpp"
#include "xen/domid.h"
#include "xen/errno.h"

namespace rf::runtime {

namespace {

alignas(page_size) std::byte table_page[page_size];

/// The half of an entry the hypervisor changes while a mapping lasts.
[[nodiscard]] std::atomic_ref<std::uint16_t> flags_of(xen::grant_entry_v1& entry)
{
    return std::atomic_ref(entry.flags);
}

}  // namespace

constinit Grants grants;

Result<void> Grants::initialise()
{
    xen::xen_pfn_t frame = 0;
    xen::gnttab_setup_table setup{xen::DOMID_SELF, 1, 0, handle_of(&frame)};
    if (auto done = checked(hypercall(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_setup_table, &setup, 1)); !done)
        return std::unexpected(done.error());
    if (setup.status != xen::GNTST_okay)
        return std::unexpected(Error{-setup.status});
    if (auto mapped = memory.map_shared(table_page, MachineFrame{frame}); !mapped)
        return mapped;
    table_ = reinterpret_cast<xen::grant_entry_v1*>(table_page);
    return {};
}

Result<GrantReference> Grants::lend(xen::domid_t domain, const std::byte* page, GrantAccess access)
{
    for (GrantReference reference = xen::GNTTAB_NR_RESERVED_ENTRIES; reference < entries; ++reference) {
        if (used_[reference])
            continue;
        used_[reference] = true;
        auto& entry = table_[reference];
        entry.frame = static_cast<std::uint32_t>(memory.machine_frame(page));
        entry.domid = domain;
        // last, because it makes the entry valid
        flags_of(entry).store(xen::GTF_permit_access | (access == GrantAccess::read_only ? xen::GTF_readonly : 0));
        return reference;
    }
    return std::unexpected(Error{xen::XEN_ENOSPC});
}

Result<void> Grants::take_back(GrantReference reference)
{
    if (reference < xen::GNTTAB_NR_RESERVED_ENTRIES || reference >= entries || !used_[reference])
        return std::unexpected(Error{xen::XEN_EINVAL});
    auto flags = flags_of(table_[reference]);
    std::uint16_t seen = flags.load();
    do {
        if ((seen & (xen::GTF_reading | xen::GTF_writing)) != 0)
            return std::unexpected(Error{xen::XEN_EBUSY});
    } while (!flags.compare_exchange_strong(seen, xen::GTF_invalid));
    used_[reference] = false;
    return {};
}

}  // namespace rf::runtime
