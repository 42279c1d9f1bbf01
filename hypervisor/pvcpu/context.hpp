// SPDX-License-Identifier: MIT
#pragma once
/// The whole context of a vCPU as the ABI exchanges it (vcpu_guest_context).

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// Gives a vCPU that does not run its context, all or nothing: Errno::einval (addresses, descriptor tables, page tables),
/// Errno::eperm, Errno::ebusy (a frame that is somebody else's, or in other use). On a vCPU that has a context already only
/// registers may differ: Errno::eopnotsupp. Errno::eagain: page tables take long; repeat, it goes on where it stopped.
/// The caller holds Domain::control_lock, and has seen under it that the domain is alive.
[[nodiscard]] Status load_context(domain::Vcpu& vcpu, xen::vcpu_guest_context const& context);

/// Fills `context` from a vCPU that does not run; all bytes are defined.
void save_context(domain::Vcpu const& vcpu, xen::vcpu_guest_context& context);

} // namespace rf::pvcpu
