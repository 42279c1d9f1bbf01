// SPDX-License-Identifier: MIT
#pragma once
/// The whole context of a vCPU as the ABI exchanges it (vcpu_guest_context).

#include "domain/vcpu.hpp"

namespace rf::pvcpu {

/// Gives a vCPU that does not run its context. All is checked first: Errno::einval (addresses, descriptor tables, page
/// tables). On a vCPU that has a context already only registers may differ: Errno::eopnotsupp.
/// The page tables must be validated (pinned) or small: Errno::eagain when validation would exceed the budget.
[[nodiscard]] Status load_context(domain::Vcpu& vcpu, xen::vcpu_guest_context const& context);

/// Fills `context` from a vCPU that does not run; all bytes are defined.
void save_context(domain::Vcpu const& vcpu, xen::vcpu_guest_context& context);

} // namespace rf::pvcpu
