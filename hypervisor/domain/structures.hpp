// SPDX-License-Identifier: MIT
#pragma once
/// How much memory the hypervisor may keep for a domain (mm::Account::limit): what each room needs when all that the domain
/// was given is taken. So a path that takes memory without a limit of its own ends here, in that domain alone.

#include "base/types.hpp"

namespace rf::domain {

struct Configuration;

/// Bytes of the Domain itself, charged from its creation to its end.
[[nodiscard]] std::uint64_t own_bytes();
/// Bytes of everything, at most.
[[nodiscard]] std::uint64_t most_bytes(Configuration const& configuration);

} // namespace rf::domain
