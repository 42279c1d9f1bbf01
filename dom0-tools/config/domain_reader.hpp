// SPDX-License-Identifier: MIT
#pragma once
/// A libvirt-style definition, <domain type='xen'>, to a DomainSpec: everything that is understood is checked here, what is
/// known but of no effect for a paravirtual domain is ignored, what is unknown is kept in DomainSpec::definition and named in
/// a warning. Pure: no file is looked at (see lifecycle/preflight).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/domain_spec.hpp"
#include "config/problem.hpp"

namespace rf::config {

/// What to do about elements that we do not know.
enum class Unknown { warn, refuse };

struct ReadOptions {
    std::string file;             ///< for messages
    Unknown unknown = Unknown::warn;
    std::optional<Uuid> uuid;     ///< for a definition without one; else a random one is made
};

struct Definition {
    DomainSpec spec;
    std::vector<Problem> warnings;
};

[[nodiscard]] Result<Definition> read_domain(std::string_view text, const ReadOptions& options);

/// Whether a domain may be called that: 1..63 letters, digits and "-_.+:@", so that every tool can print and parse it.
[[nodiscard]] bool is_good_name(std::string_view name);

}  // namespace rf::config
