// SPDX-License-Identifier: MIT
#pragma once
/// The domains of this machine as a user sees them: the hypervisor's facts with the names from the store.

#include <string>
#include <string_view>
#include <vector>

#include "config/domain_spec.hpp"
#include "lifecycle/session.hpp"

namespace rf::lifecycle {

/// One domain at one moment.
struct DomainView {
    DomainId id;
    std::string name;              ///< empty if it has none (a domain that is being taken down)
    ::xen::xen_domctl_getdomaininfo info{};

    [[nodiscard]] bool is_dying() const { return info.flags & ::xen::XEN_DOMINF_dying; }
    [[nodiscard]] bool is_shut_down() const { return info.flags & ::xen::XEN_DOMINF_shutdown; }
    [[nodiscard]] bool is_paused() const { return info.flags & ::xen::XEN_DOMINF_paused; }
    [[nodiscard]] std::uint64_t memory_bytes() const { return info.tot_pages * xen::page_size; }
    [[nodiscard]] config::Uuid uuid() const;
    /// SHUTDOWN_*; meaningful when it is shut down.
    [[nodiscard]] unsigned shutdown_reason() const
    {
        return info.flags >> ::xen::XEN_DOMINF_shutdownshift & ::xen::XEN_DOMINF_shutdownmask;
    }
    /// The six letters of xl: r b p s reason d.
    [[nodiscard]] std::string state_letters() const;
    /// One word: running, blocked, paused, shutdown, crashed, dying, idle.
    [[nodiscard]] std::string_view state_word() const;
    [[nodiscard]] std::string shown_name() const { return name.empty() ? "(null)" : name; }
};

/// "poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset".
[[nodiscard]] std::string_view shutdown_reason_text(unsigned reason);

[[nodiscard]] std::string domain_path(DomainId id);
/// The name in the store, or empty.
[[nodiscard]] Result<std::string> name_of(Session& session, DomainId id);

/// All domains in rising order of their numbers.
[[nodiscard]] Result<std::vector<DomainView>> list_domains(Session& session);
/// The one that a user means by a name, a number or an identifier; not_found with xl's wording.
[[nodiscard]] Result<DomainView> find_domain(Session& session, std::string_view text);
/// Exactly this number.
[[nodiscard]] Result<DomainView> view_of(Session& session, DomainId id);

}  // namespace rf::lifecycle
