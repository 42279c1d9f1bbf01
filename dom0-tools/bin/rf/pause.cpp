// SPDX-License-Identifier: MIT
#include "lifecycle/domain_list.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> pause(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const auto domain = BUILD_TRY(lifecycle::find_domain(session, invocation.value("DOMAIN")));
    if (domain.id == xen::dom0)
        return fail(Kind::conflict, "Domain-0 cannot be paused: nobody would be left to unpause it");
    // The hypervisor counts pauses; a second one would need a second unpause.
    if (domain.is_paused())
        return {};
    BUILD_CHECK(session.control().pause(domain.id));
    return {};
}

}  // namespace

Verb pause_verb()
{
    return {"pause", {}, "stop a domain's vCPUs until rf unpause", {{"DOMAIN", "name, number or uuid"}}, {}, "  rf pause web\n  rf pause 7", pause};
}

}  // namespace rf::cli
