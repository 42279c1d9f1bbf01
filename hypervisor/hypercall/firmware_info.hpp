// SPDX-License-Identifier: MIT
#pragma once
/// XENPF_firmware_info: what the firmware told at boot.

#include "base/result.hpp"
#include "xen/platform.h"

namespace rf::hypercall {

/// Fills the answer in. Errno::esrch: no such item (Linux counts disks until this); Errno::enosys: not a UEFI machine, or
/// nothing that we keep; Errno::einval: unknown type or index; Errno::efault: the buffer for the vendor's name.
[[nodiscard]] Status firmware_info(xen::xenpf_firmware_info& info);

} // namespace rf::hypercall
