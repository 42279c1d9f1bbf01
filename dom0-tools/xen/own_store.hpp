// SPDX-License-Identifier: MIT
#pragma once
/// The store ring of this domain's own kernel, offered by xenfs to the process that serves the store here.

#include "xen/descriptor.hpp"
#include "xen/mapping.hpp"
#include "xen/types.hpp"

namespace rf::xen {

struct OwnStoreRing {
    Mapping page;
    RemotePort port;  ///< unbound port of this domain, to be bound from this domain

    /// Reads /proc/xen/xsd_kva and /proc/xen/xsd_port. ENOENT if xenfs is not mounted or this is not the initial domain.
    [[nodiscard]] static Result<OwnStoreRing> open(Kernel& kernel = Kernel::host());
};

}  // namespace rf::xen
