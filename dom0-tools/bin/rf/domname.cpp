// SPDX-License-Identifier: MIT
#include "lifecycle/domain_list.hpp"
#include "output.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> domname(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const auto domain = BUILD_TRY(lifecycle::find_domain(session, invocation.value("DOMAIN")));
    if (domain.name.empty())
        return fail(Kind::not_found, "domain " + std::to_string(domain.id.value) + " has no name");
    if (invocation.wants_json())
        print_json({{"domid", domain.id.value}, {"name", domain.name}});
    else
        print(domain.name + "\n");
    return {};
}

}  // namespace

Verb domname_verb()
{
    return {"domname", {}, "show the name of a domain", {{"DOMAIN", "number or uuid"}}, {output_option()}, "  rf domname 7\n  rf domname -o json 7", domname};
}

}  // namespace rf::cli
