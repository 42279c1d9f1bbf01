// SPDX-License-Identifier: MIT
#include "console_terminal.hpp"
#include "lifecycle/domain_list.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

Result<void> console(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    const auto domain = BUILD_TRY(lifecycle::find_domain(session, invocation.value("DOMAIN")));
    if (domain.id == xen::dom0)
        return fail(Kind::invalid, "Domain-0 has no console here: its console is this machine's own");
    auto terminal = BUILD_TRY(ConsoleTerminal::attach(session, domain.id));
    return terminal.run();
}

}  // namespace

Verb console_verb()
{
    return {"console",
            {},
            "attach to a domain's console; Ctrl-] leaves it",
            {{"DOMAIN", "name, number or uuid"}},
            {},
            "  rf console web\n  echo 'uname -r' | timeout 2 rf console web    type one line and show what comes",
            console};
}

}  // namespace rf::cli
