// SPDX-License-Identifier: MIT
#pragma once
/// Results inside this room: errors are the GNTST_* numbers that the guest finds in its array element.

#include "xen/grant.h"

#include <expected>

namespace rf::grant {

template <class T>
using Granted = std::expected<T, xen::grant_status>;

[[nodiscard]] constexpr std::unexpected<xen::grant_status> refuse(xen::grant_status status)
{
    return std::unexpected<xen::grant_status>(status);
}

} // namespace rf::grant
