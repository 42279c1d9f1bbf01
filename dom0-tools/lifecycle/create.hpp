// SPDX-License-Identifier: MIT
#pragma once
/// Brings a domain into being: check, create, build, publish in the store, connect devices, start. Either the domain is
/// there in the end, with a record for rfd, or nothing of it is.

#include <string>
#include <vector>

#include "config/domain_spec.hpp"
#include "lifecycle/session.hpp"
#include "lifecycle/state_directory.hpp"

namespace rf::lifecycle {

enum class Start { running, paused };

struct CreateRequest {
    const config::DomainSpec& spec;
    std::string definition_file;      ///< for messages and the record
    Start start = Start::running;
    unsigned quick_ends = 0;          ///< carried over by a restart
};

/// How long one step took.
struct Timing {
    std::string step;
    std::chrono::microseconds time;
};

struct Created {
    DomainId id;
    std::vector<Timing> timings;
};

[[nodiscard]] Result<Created> create_domain(Session& session, const StateDirectory& state, const CreateRequest& request);

/// Whether rfd runs.
[[nodiscard]] bool manager_is_running(const StateDirectory& state);

/// Name of the lock that rfd holds as long as it runs.
inline constexpr const char* manager_lock = "rfd";

}  // namespace rf::lifecycle
