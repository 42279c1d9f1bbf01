// SPDX-License-Identifier: MIT
#pragma once
/// Hypercalls whose first argument is an operation and whose second is the address of what it works on.

#include "guest/access.hpp"
#include "hypercall/call.hpp"

namespace rf::hypercall {

/// A copy of that structure; Errno::efault.
template <class Argument>
[[nodiscard]] Result<Argument> fetch_argument(Call& call)
{
    return guest::fetch<Argument>(call[1]);
}

} // namespace rf::hypercall
