// SPDX-License-Identifier: MIT
#pragma once
/// Waiting for what the other side of a device writes into the store.

#include <string>

#include "config/values.hpp"
#include "io/xenbus.h"
#include "lifecycle/session.hpp"

namespace rf::lifecycle {

/// XenbusState* in a node; Unknown when it is absent or nonsense.
[[nodiscard]] inline Result<std::uint64_t> device_state(Session& session, const std::string& directory)
{
    const auto text = BUILD_TRY(session.store.read_if_exists(directory + "/state"));
    return config::parse_number(text.value_or("")).value_or(::xen::XenbusStateUnknown);
}

/// Asks `done` until it says yes, again whenever something below `path` changes, and now and then without that: a kernel's
/// driver may go without a word in the store. False at the deadline.
template <class Done>
[[nodiscard]] Result<bool> wait_for_change(Session& session, const std::string& path, std::chrono::steady_clock::time_point deadline, Done done)
{
    // Most often it has happened already.
    Result<bool> result = done();
    if (!result || *result)
        return result;
    const std::string token = "device-wait";
    BUILD_CHECK(session.store.watch(path, token));
    for (;;) {
        result = done();
        if (!result || *result)
            break;
        using Clock = std::chrono::steady_clock;
        const auto event = session.wait_for_store(std::min(deadline, Clock::now() + std::chrono::milliseconds(100)));
        if (!event) {
            result = std::unexpected(event.error());
            break;
        }
        if (!*event && Clock::now() >= deadline)
            break;
    }
    (void)session.store.unwatch(path, token);  // a lost store shows itself at the next request
    return result;
}

}  // namespace rf::lifecycle
