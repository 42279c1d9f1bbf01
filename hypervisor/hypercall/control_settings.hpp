// SPDX-License-Identifier: MIT
#pragma once
/// What toolstacks ask us to remember about a domain although nothing in the hypervisor acts on it.

#include "base/result.hpp"
#include "xen/control_types.h"

namespace rf::domain {
class Domain;
}

namespace rf::hypercall {

struct Settings {
    xen::xen_arch_domainconfig architecture{};
    std::uint32_t tsc_mode = 0;
    std::uint32_t tsc_incarnation = 0; ///< how often the domain was restored
    bool hosts_store = false;          ///< XEN_DOMCTL_CDF_xs_domain
    bool debugged = false;
    bool tracks_dirty_pages = false;   ///< between SHADOW_OP_ENABLE_LOGDIRTY and SHADOW_OP_OFF
};

/// The domain's settings; the defaults when none were stored.
[[nodiscard]] Settings settings_of(domain::Domain const& domain);
/// Replaces them. The caller serialises (Domain::control_lock). Errno::enomem.
[[nodiscard]] Status store_settings(domain::Domain const& domain, Settings const& settings);
/// The domain is destroyed.
void forget_settings(domain::Domain const& domain);

} // namespace rf::hypercall
