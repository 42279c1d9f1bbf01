// SPDX-License-Identifier: MIT
#include "lifecycle/domain_list.hpp"
#include "output.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> domid(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const auto domain = BUILD_TRY(lifecycle::find_domain(session, invocation.value("DOMAIN")));
    if (invocation.wants_json())
        print_json({{"domid", domain.id.value}, {"name", domain.name}});
    else
        print(std::to_string(domain.id.value) + "\n");
    return {};
}

}  // namespace

Verb domid_verb()
{
    return {"domid", {}, "show the number of a domain", {{"DOMAIN", "name or uuid"}}, {output_option()}, "  rf domid web\n  rf domid -o json web", domid};
}

}  // namespace rf::cli
