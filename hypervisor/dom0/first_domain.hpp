// SPDX-License-Identifier: MIT
#pragma once
/// Makes Dom0: the domain, its virtual processors and rights, its image, and its first processor ready to run.

#include "boot/boot_info.hpp"
#include "domain/domain.hpp"

namespace rf::dom0 {

/// Creates and starts Dom0 from the boot loader's modules; it runs when its first processor is scheduled. `processors`:
/// CPUs of the machine, the default number of Dom0's own. Each failure writes one line that says what and why.
[[nodiscard]] Status start_first_domain(boot::BootInfo const& info, unsigned processors);

} // namespace rf::dom0
