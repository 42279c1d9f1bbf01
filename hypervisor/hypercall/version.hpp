// SPDX-License-Identifier: MIT
#pragma once
/// Who the hypervisor says it is.

#include <string_view>

namespace rf::hypercall {

/// The interface version that guests see: Xen 4.17 (".7").
inline constexpr unsigned version_major = 4;
inline constexpr unsigned version_minor = 17;
inline constexpr std::string_view version_extra = ".7";
/// Guest types that we run, as XENVER_capabilities spells them.
inline constexpr std::string_view capabilities = "xen-3.0-x86_64 ";

/// The hypervisor's own options, for XENVER_commandline; the text must live for ever. Called once by boot.
void set_command_line(std::string_view text);

} // namespace rf::hypercall
