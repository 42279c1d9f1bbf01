// SPDX-License-Identifier: MIT
#pragma once
/// What each domain holds, on request: debug key `q` logs one line for each. An operator sees who has the memory, a test that
/// a destroyed domain left nothing with others.

namespace rf::domain {

/// Makes the key known. Once, at boot.
void enable_counts();

} // namespace rf::domain
