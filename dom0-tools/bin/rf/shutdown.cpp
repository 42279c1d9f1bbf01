// SPDX-License-Identifier: MIT
#include "guest_request.hpp"

namespace rf::cli {

Verb shutdown_verb()
{
    return {"shutdown",
            {},
            "ask a domain to power off",
            {{"DOMAIN", "names, numbers or uuids", Argument::Count::optional_some}},
            guest_request_options(),
            "  rf shutdown web\n  rf shutdown --wait --timeout 60s web\n  rf shutdown -a -w      all domains, one after the other answering\n"
            "What follows is the definition's <on_poweroff>. Exit code 8: the guest does not answer; 7: it has not ended in time.",
            [](const Invocation& invocation) { return ask_guests(invocation, lifecycle::GuestRequest::poweroff); }};
}

}  // namespace rf::cli
