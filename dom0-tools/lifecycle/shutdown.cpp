// SPDX-License-Identifier: MIT
#include "lifecycle/shutdown.hpp"

#include <thread>

#include "lifecycle/create.hpp"
#include "lifecycle/state_directory.hpp"

namespace rf::lifecycle {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto shutdown_poll = std::chrono::milliseconds(50);
const std::string wait_token = "shutdown-wait";

std::string quoted(const DomainView& domain)
{
    return "domain " + std::to_string(domain.id.value) + " ('" + domain.shown_name() + "')";
}

/// Whether it still exists, as the same domain.
Result<std::optional<DomainView>> same_domain(Session& session, const DomainView& domain)
{
    auto now = view_of(session, domain.id);
    if (!now && now.error().kind == Kind::not_found)
        return std::nullopt;
    if (!now)
        return std::unexpected(now.error());
    if (now->uuid() != domain.uuid())
        return std::nullopt;
    return std::move(*now);
}

/// The node is empty or gone.
Result<bool> has_taken_notice(Session& session, const std::string& node)
{
    return BUILD_TRY(session.store.read_if_exists(node)).value_or("").empty();
}

}  // namespace

Result<void> request_shutdown(Session& session, const DomainView& domain, GuestRequest request, Clock::time_point deadline)
{
    if (domain.id == xen::dom0)
        return fail(Kind::conflict, "Domain-0 is this machine itself: use its own shutdown or reboot command");
    if (domain.is_dying() || domain.is_shut_down())
        return {};
    if (domain.is_paused())
        return fail(Kind::conflict, quoted(domain) + " is paused and cannot act: rf unpause it first, or rf destroy it");
    const std::string node = domain_path(domain.id) + "/control/shutdown";
    BUILD_CHECK(session.store.write(node, request == GuestRequest::poweroff ? "poweroff" : "reboot"));
    BUILD_CHECK(session.store.watch(node, wait_token));
    for (;;) {
        if (BUILD_TRY(has_taken_notice(session, node)))
            break;
        const auto now = BUILD_TRY(same_domain(session, domain));
        if (!now || now->is_shut_down() || now->is_dying())
            break;
        // The end of the domain is not an event of this node, so look again now and then.
        const auto step = std::min(deadline, Clock::now() + std::chrono::seconds(1));
        const bool changed = BUILD_TRY(session.wait_for_store(step));
        if (!changed && Clock::now() >= deadline) {
            (void)session.store.unwatch(node, wait_token);
            return fail(Kind::guest_refused, quoted(domain) + " does not answer: it has no driver for this, is hung, or is still booting "
                                                              "and will find the request later (rf destroy ends it at once)");
        }
    }
    (void)session.store.unwatch(node, wait_token);  // a lost store shows itself at the next request
    return {};
}

Result<void> wait_for_end(Session& session, const DomainView& domain, Clock::time_point deadline)
{
    const StateDirectory state;
    for (;;) {
        const auto now = BUILD_TRY(same_domain(session, domain));
        if (!now)
            return {};
        const auto record = state.load(domain.id);
        const bool kept = record && record->stage == Stage::kept;
        if (now->is_shut_down() && (kept || !record || !manager_is_running(state)))
            return {};
        if (Clock::now() >= deadline)
            return fail(Kind::timeout, quoted(domain) + " has not ended in time; it is " + std::string(now->state_word()));
        std::this_thread::sleep_for(shutdown_poll);
    }
}

}  // namespace rf::lifecycle
