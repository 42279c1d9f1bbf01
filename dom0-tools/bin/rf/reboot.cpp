// SPDX-License-Identifier: MIT
#include "guest_request.hpp"

namespace rf::cli {

Verb reboot_verb()
{
    return {"reboot",
            {},
            "ask a domain to reboot",
            {{"DOMAIN", "names, numbers or uuids", Argument::Count::optional_some}},
            guest_request_options(),
            "  rf reboot web\n  rf reboot --wait web    wait until the old domain has ended\n"
            "What follows is the definition's <on_reboot>: with 'restart' the domain comes back under a new number.",
            [](const Invocation& invocation) { return ask_guests(invocation, lifecycle::GuestRequest::reboot); }};
}

}  // namespace rf::cli
