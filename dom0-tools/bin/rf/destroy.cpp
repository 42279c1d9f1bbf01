// SPDX-License-Identifier: MIT
#include "lifecycle/destroy.hpp"
#include "lifecycle/domain_list.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> destroy(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const lifecycle::StateDirectory state;
    for (const std::string& name : invocation.values("DOMAIN")) {
        const auto domain = BUILD_TRY(lifecycle::find_domain(session, name));
        BUILD_CHECK(lifecycle::destroy_by_order(session, state, domain.id));
    }
    return {};
}

}  // namespace

Verb destroy_verb()
{
    return {"destroy",
            {},
            "end a domain at once, without asking it",
            {{"DOMAIN", "names, numbers or uuids", Argument::Count::some}},
            {{"yes", 'y', "", "accepted for scripts: destroy never asks", {}}},
            "  rf destroy web\n  rf destroy 7 8\nThe guest loses what it has not written to its disks: rf shutdown lets it end in order.",
            destroy};
}

}  // namespace rf::cli
