// SPDX-License-Identifier: MIT
#include "guest_request.hpp"

#include "config/values.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/destroy.hpp"
#include "output.hpp"

namespace rf::cli {
namespace {

using Clock = std::chrono::steady_clock;
using lifecycle::DomainView;

constexpr std::uint64_t usual_notice_seconds = 20;
constexpr std::uint64_t usual_wait_seconds = 120;

/// "30", "30s", "5m" to seconds.
Result<std::chrono::seconds> timeout_of(const Invocation& invocation)
{
    std::string text = invocation.value("timeout");
    if (text.empty())
        return std::chrono::seconds(invocation.has("wait") ? usual_wait_seconds : usual_notice_seconds);
    const bool minutes = text.ends_with('m');
    if (minutes || text.ends_with('s'))
        text.pop_back();
    const auto number = config::parse_number(text);
    if (!number || *number == 0 || *number > 86400)
        return fail(Kind::invalid, "--timeout: '" + invocation.value("timeout") + "' is not a time such as 30s or 5m");
    return std::chrono::seconds(minutes ? *number * 60 : *number);
}

Result<std::vector<DomainView>> chosen(lifecycle::Session& session, const Invocation& invocation)
{
    std::vector<DomainView> domains;
    if (invocation.has("all")) {
        for (DomainView& domain : BUILD_TRY(lifecycle::list_domains(session)))
            if (domain.id != xen::dom0)
                domains.push_back(std::move(domain));
        return domains;
    }
    if (invocation.values("DOMAIN").empty())
        return fail(Kind::invalid, "name a domain, or use --all");
    for (const std::string& name : invocation.values("DOMAIN"))
        domains.push_back(BUILD_TRY(lifecycle::find_domain(session, name)));
    return domains;
}

}  // namespace

Result<void> ask_guests(const Invocation& invocation, lifecycle::GuestRequest request)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const lifecycle::StateDirectory state;
    const auto timeout = BUILD_TRY(timeout_of(invocation));
    const auto domains = BUILD_TRY(chosen(session, invocation));
    const auto deadline = Clock::now() + timeout;
    Result<void> outcome;
    std::vector<DomainView> waiting;
    for (const DomainView& domain : domains) {
        auto asked = lifecycle::request_shutdown(session, domain, request, deadline);
        if (!asked && invocation.has("force") && asked.error().kind == Kind::guest_refused) {
            say("warning: " + asked.error().what);
            asked = lifecycle::destroy_by_order(session, state, domain.id);
        }
        if (asked)
            waiting.push_back(domain);
        else if (outcome)
            outcome = std::move(asked);
        else
            say("error: " + asked.error().what);
    }
    if (!lifecycle::manager_is_running(state) && !waiting.empty())
        say("warning: rfd does not run: domains that have shut down stay until rf destroy");
    if (invocation.has("wait"))
        for (const DomainView& domain : waiting)
            if (auto ended = lifecycle::wait_for_end(session, domain, deadline); !ended && outcome)
                outcome = std::move(ended);
    return outcome;
}

std::vector<Option> guest_request_options()
{
    return {
        {"all", 'a', "", "all domains but Domain-0", {}},
        {"wait", 'w', "", "wait until the domain has ended", {}},
        {"force", 'F', "", "destroy a domain that does not answer", {}},
        {"timeout", 0, "TIME", "how long to wait: 30, 30s, 5m (20s for an answer, 120s with --wait)", {}},
    };
}

}  // namespace rf::cli
