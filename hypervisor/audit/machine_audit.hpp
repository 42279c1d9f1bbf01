// SPDX-License-Identifier: MIT
#pragma once
/// The audit of the running machine: all other CPUs wait meanwhile. For developers and stories: the debug key `a`, and
/// after each destroyed domain with the option `audit`.
///
/// It writes one line for each finding (the first 32), and one line that sums up, which starts with `audit: clean` or
/// `audit: FAILED`.

namespace rf::audit {

/// Registers the debug key, and the run after each destroyed domain if the command line asks for it; once, at boot.
void enable();

/// Audits now. The caller holds no lock and no reference; the CPU handles a hypercall, an interrupt or deferred work.
void run_on_machine();

} // namespace rf::audit
