// SPDX-License-Identifier: MIT
#include "lifecycle/domain_list.hpp"

#include <algorithm>

#include "config/values.hpp"
#include "xen/sched.h"

namespace rf::lifecycle {
namespace {

Failure no_such_domain(std::string_view text)
{
    return {Kind::not_found, "Domain '" + std::string(text) + "' does not exist (rf list shows those that do)"};
}

}  // namespace

config::Uuid DomainView::uuid() const
{
    config::Uuid uuid{};
    std::ranges::copy(info.handle, uuid.begin());
    return uuid;
}

std::string DomainView::state_letters() const
{
    std::string letters = "------";
    const auto set = [&](std::size_t at, bool on, char letter) {
        if (on)
            letters[at] = letter;
    };
    set(0, info.flags & ::xen::XEN_DOMINF_running, 'r');
    set(1, info.flags & ::xen::XEN_DOMINF_blocked, 'b');
    set(2, is_paused(), 'p');
    set(3, is_shut_down(), 's');
    constexpr std::string_view reasons = "-rscwS";
    if (is_shut_down())
        letters[4] = shutdown_reason() < reasons.size() ? reasons[shutdown_reason()] : '?';
    set(5, is_dying(), 'd');
    return letters;
}

std::string_view DomainView::state_word() const
{
    if (is_dying())
        return "dying";
    if (is_shut_down())
        return shutdown_reason() == ::xen::SHUTDOWN_crash ? "crashed" : "shutdown";
    if (is_paused())
        return "paused";
    if (info.flags & ::xen::XEN_DOMINF_running)
        return "running";
    return info.flags & ::xen::XEN_DOMINF_blocked ? "blocked" : "idle";
}

std::string_view shutdown_reason_text(unsigned reason)
{
    switch (reason) {
    case ::xen::SHUTDOWN_poweroff: return "poweroff";
    case ::xen::SHUTDOWN_reboot: return "reboot";
    case ::xen::SHUTDOWN_suspend: return "suspend";
    case ::xen::SHUTDOWN_crash: return "crash";
    case ::xen::SHUTDOWN_watchdog: return "watchdog";
    case ::xen::SHUTDOWN_soft_reset: return "soft-reset";
    default: return "unknown";
    }
}

std::string domain_path(DomainId id)
{
    return "/local/domain/" + std::to_string(id.value);
}

Result<std::string> name_of(Session& session, DomainId id)
{
    return BUILD_TRY(session.store.read_if_exists(domain_path(id) + "/name")).value_or("");
}

Result<std::vector<DomainView>> list_domains(Session& session)
{
    const auto domains = BUILD_TRY(session.system().domains());
    std::vector<std::string> paths;
    for (const auto& info : domains)
        paths.push_back(domain_path(DomainId(info.domain)) + "/name");
    auto names = BUILD_TRY(session.store.read_all(paths));
    std::vector<DomainView> views;
    for (std::size_t i = 0; i < domains.size(); ++i)
        views.push_back({DomainId(domains[i].domain), std::move(names[i]).value_or(""), domains[i]});
    return views;
}

Result<DomainView> view_of(Session& session, DomainId id)
{
    auto info = session.control().info(id);
    if (!info && info.error().code == ESRCH)
        return std::unexpected(no_such_domain(std::to_string(id.value)));
    if (!info)
        return fail(info.error());
    return DomainView{id, BUILD_TRY(name_of(session, id)), *info};
}

Result<DomainView> find_domain(Session& session, std::string_view text)
{
    if (const auto number = config::parse_number(text)) {
        if (*number >= xen::first_reserved_domid)
            return std::unexpected(no_such_domain(text));
        return view_of(session, DomainId(static_cast<std::uint16_t>(*number)));
    }
    const auto uuid = config::parse_uuid(text);
    for (DomainView& view : BUILD_TRY(list_domains(session)))
        if (view.name == text || (uuid && view.uuid() == *uuid))
            return std::move(view);
    return std::unexpected(no_such_domain(text));
}

}  // namespace rf::lifecycle
