// SPDX-License-Identifier: MIT
#pragma once
/// The body of every wait loop: eases the core and answers TLB flush requests, so that waiting never deadlocks a flush.

namespace rf::cpu {

void relax();

} // namespace rf::cpu
