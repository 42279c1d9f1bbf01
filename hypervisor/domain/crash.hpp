// SPDX-License-Identifier: MIT
#pragma once
/// What happens when a domain fails, and when Dom0 ends.

#include <string_view>

namespace rf::domain {

class Domain;
class Vcpu;

/// Logs why, the registers of `vcpu` (the running one; may be null), its stack and code addresses on it.
void report_crash(Domain const& domain, Vcpu const* vcpu, std::string_view why);

/// Dom0 ended itself: powers off, resets, or stops for the operator to read, by reason (SHUTDOWN_*) and options.
[[noreturn]] void end_of_control_domain(Domain const& domain, unsigned reason);

} // namespace rf::domain
