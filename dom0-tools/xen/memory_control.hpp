// SPDX-License-Identifier: MIT
#pragma once
/// Typed memory hypercalls on behalf of another domain: reservations, page-table pinning, the machine-to-physical table;
/// and allocation of event channels in a domain under construction.

#include <span>
#include <vector>

#include "xen/memory.h"
#include "xen/mmu.h"
#include "xen/privcmd.hpp"

namespace rf::xen {

class MemoryControl {
public:
    explicit MemoryControl(Privcmd& privcmd) : privcmd_(privcmd) {}

    /// Gives `domain` one extent of 2^order pages for each guest frame in `extents`; on return the entries hold machine
    /// frames. Returns how many extents were filled, from the front; the rest are untouched.
    [[nodiscard]] Result<std::size_t> populate(DomainId domain, std::span<std::uint64_t> extents, unsigned order,
                                               std::uint32_t flags = 0);
    /// Takes back the pages at the given frames. Returns how many extents were freed.
    [[nodiscard]] Result<std::size_t> decrease(DomainId domain, std::span<const std::uint64_t> extents, unsigned order);
    /// Reserves `pages` of free memory for the domain's construction; 0 gives the rest of a claim back. ENOMEM if short.
    [[nodiscard]] Result<void> claim(DomainId domain, std::uint64_t pages);
    /// What the domain sees as its memory map.
    [[nodiscard]] Result<void> set_memory_map(DomainId domain, std::span<const ::xen::e820entry> entries);
    [[nodiscard]] Result<std::uint64_t> current_pages(DomainId domain);
    [[nodiscard]] Result<std::uint64_t> maximum_pages(DomainId domain);
    /// Highest machine frame number of the machine.
    [[nodiscard]] Result<Mfn> maximum_frame();
    /// First machine frames of the 2 MiB extents that hold the machine-to-physical table (map them from DOMID_XEN).
    [[nodiscard]] Result<std::vector<Mfn>> machine_to_physical_extents(std::size_t count);

    /// Page-table operations on `domain`'s frames. All are done, or the first that fails ends the list.
    [[nodiscard]] Result<void> page_table_operations(DomainId domain, std::span<::xen::mmuext_op> operations);
    [[nodiscard]] Result<void> clear_page(DomainId domain, Mfn frame);
    [[nodiscard]] Result<void> pin_l4(DomainId domain, Mfn frame);
    /// Raw mmu_update requests (for example MMU_MACHPHYS_UPDATE) on `domain`'s behalf.
    [[nodiscard]] Result<void> update(DomainId domain, std::span<const ::xen::mmu_update> requests);

    /// Allocates a port in `owner` that `peer` may bind.
    [[nodiscard]] Result<RemotePort> allocate_port(DomainId owner, DomainId peer);
    /// Frames of the domain's grant table, growing it to `frames`. The first is wanted to seed the reserved entries.
    [[nodiscard]] Result<std::vector<Mfn>> setup_grant_table(DomainId domain, std::uint32_t frames);

private:
    [[nodiscard]] Result<std::uint64_t> reservation(std::uint32_t command, DomainId domain, std::span<std::uint64_t> extents,
                                                    unsigned order, std::uint32_t flags, const char* what);
    [[nodiscard]] Result<std::uint64_t> domain_query(std::uint32_t command, DomainId domain, const char* what);

    Privcmd& privcmd_;
};

}  // namespace rf::xen
