// SPDX-License-Identifier: MIT
#pragma once
/// A definition file on the command line: read, checked, warnings said.

#include "config/domain_reader.hpp"
#include "verb.hpp"

namespace rf::cli {

/// "-" stands for standard input. Refusals are Kind::invalid with file, line, column and element.
[[nodiscard]] Result<config::DomainSpec> read_definition(const std::string& file, config::Unknown unknown);

}  // namespace rf::cli
