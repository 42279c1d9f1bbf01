// SPDX-License-Identifier: MIT
#pragma once
/// Brings a domain into being: check, create, build, publish in the store, connect devices, start. Either the domain is
/// there in the end, with a record for rfd, or nothing of it is.

#include <string>
#include <vector>

#include "builder/kernel_image.hpp"
#include "builder/stop_watch.hpp"
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

struct Created {
    DomainId id;
    std::vector<builder::Timing> timings;
    builder::KernelImage kernel;   ///< not yet kept in the cache: that may wait
};

[[nodiscard]] Result<Created> create_domain(Session& session, const StateDirectory& state, const CreateRequest& request);

/// Whether rfd runs.
[[nodiscard]] bool manager_is_running(const StateDirectory& state);

/// A store node that rfd makes and watches: writing it has rfd look at once, when no event of the store would tell it.
inline constexpr const char* manager_bell = "/tool/ringfort/bell";

/// Name of the lock that rfd holds as long as it runs.
inline constexpr const char* manager_lock = "rfd";

}  // namespace rf::lifecycle
