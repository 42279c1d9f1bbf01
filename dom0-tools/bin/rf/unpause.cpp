// SPDX-License-Identifier: MIT
#include "lifecycle/domain_list.hpp"
#include "lifecycle/state_directory.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> unpause(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const auto domain = BUILD_TRY(lifecycle::find_domain(session, invocation.value("DOMAIN")));
    const auto record = lifecycle::StateDirectory().load(domain.id);
    if (record && record->stage == lifecycle::Stage::building)
        return fail(Kind::conflict, "domain " + std::to_string(domain.id.value) + " is still being built");
    if (!domain.is_paused())
        return {};
    BUILD_CHECK(session.control().unpause(domain.id));
    return {};
}

}  // namespace

Verb unpause_verb()
{
    return {"unpause", {}, "let a paused domain run", {{"DOMAIN", "name, number or uuid"}}, {}, "  rf unpause web\n  rf unpause 7", unpause};
}

}  // namespace rf::cli
