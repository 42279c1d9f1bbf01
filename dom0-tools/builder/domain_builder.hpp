// SPDX-License-Identifier: MIT
#pragma once
/// Turns an empty domain into one that can run: memory, kernel, initrd, page tables, start_info, vCPU 0, event channels and
/// the reserved grants. The domain is paused all along and is left paused. On failure the caller destroys the domain; no
/// mapping of its pages is left in either case.

#include <string>

#include "builder/file_view.hpp"
#include "builder/guest_memory.hpp"
#include "builder/kernel_image.hpp"
#include "builder/start_info.hpp"
#include "builder/stop_watch.hpp"
#include "xen/domain_control.hpp"

namespace rf::builder {

struct BuildRequest {
    const KernelImage& kernel;
    Source initrd;                      ///< empty: none
    std::string command_line;
    GuestPlan plan;                     ///< made for this kernel, this initrd and the pages that were populated
    StopWatch& watch;
};

/// What others need to connect to the guest.
struct BuiltDomain {
    xen::Mfn store_frame;
    xen::Mfn console_frame;
    xen::RemotePort store_port;
    xen::RemotePort console_port;
};

class DomainBuilder {
public:
    DomainBuilder(xen::Privcmd& privcmd, xen::DomainId domain)
        : privcmd_(privcmd), domain_(domain), control_(privcmd), memory_control_(privcmd), memory_(privcmd, domain)
    {
    }

    /// Gives the domain its memory; `maximum_pages` is what its memory map shows. Needs no kernel yet.
    [[nodiscard]] Result<void> populate(std::uint64_t pages, std::uint64_t maximum_pages);
    /// All the rest; after populate().
    [[nodiscard]] Result<BuiltDomain> build(const BuildRequest& request);

private:
    [[nodiscard]] Result<void> load_segments(const BuildRequest& request);
    [[nodiscard]] Result<void> write_tables(const GuestPlan& plan);
    [[nodiscard]] Result<void> write_start_info(const BuildRequest& request, const BuiltDomain& built);
    [[nodiscard]] Result<void> clear_rings(const BuiltDomain& built);
    [[nodiscard]] Result<void> start_vcpu(const BuildRequest& request);
    [[nodiscard]] Result<void> seed_grants(const BuiltDomain& built);
    [[nodiscard]] Result<xen::ForeignMap> map_grant_table();

    xen::Privcmd& privcmd_;
    xen::DomainId domain_;
    xen::DomainControl control_;
    xen::MemoryControl memory_control_;
    GuestMemory memory_;
    std::uint64_t shared_info_frame_ = 0;
};

}  // namespace rf::builder
