// SPDX-License-Identifier: MIT
#pragma once
/// The domain's store client: the frontend, at the ring and the port that the domain builder told.

#include "front/store.hpp"
#include "xen/start_info.h"

namespace rf::runtime {

extern front::Store store;

/// Finds the ring, before which `store` answers ENOENT; ENOENT if the domain has none. Call once.
[[nodiscard]] front::Result<void> connect_store(const xen::start_info& info);

}  // namespace rf::runtime
