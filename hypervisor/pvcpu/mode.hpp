// SPDX-License-Identifier: MIT
#pragma once
/// Guest kernel mode and guest user mode: both run in ring 3; they differ in page tables, GS base and rights.

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// User -> kernel: kernel root, kernel GS base. Writes the guest areas that waited for the kernel's address space.
void enter_kernel(domain::Vcpu& vcpu);
/// Kernel -> user. Errno::einval: no user root.
[[nodiscard]] Status enter_user(domain::Vcpu& vcpu);

} // namespace rf::pvcpu
