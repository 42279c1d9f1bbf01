// SPDX-License-Identifier: MIT
#pragma once
/// What every CPU and every vCPU does at this moment, on request: debug key `d`. For the day when something hangs.

namespace rf::domain {

/// Makes the key known. Once, at boot.
void enable_states();

} // namespace rf::domain
