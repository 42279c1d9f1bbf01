// SPDX-License-Identifier: MIT
#pragma once
/// Who owns which interrupt vector. The upper half of the number is the priority at the local APIC.

#include <cstdint>

namespace rf::cpu::vector {

inline constexpr std::uint8_t first_device = 0x30;
inline constexpr std::uint8_t last_device = 0xdf;
/// 0x20..0x2f: what the legacy interrupt controllers would raise if they were not masked; acknowledged and ignored.
inline constexpr std::uint8_t first_legacy = 0x20;
inline constexpr std::uint8_t last_legacy = 0x2f;

inline constexpr std::uint8_t timer = 0xf0;
inline constexpr std::uint8_t ipi = 0xf1;   ///< work, flush or call requested by another CPU: cpu::on_ipi()
inline constexpr std::uint8_t error = 0xfe; ///< the local APIC saw an error
inline constexpr std::uint8_t spurious = 0xff;

} // namespace rf::cpu::vector

namespace rf::cpu {

/// cpu_user_regs.entry_vector after SYSCALL, and of frames that may go back by SYSRET if rcx and r11 say what rip and rflags say.
inline constexpr std::uint32_t entry_by_syscall = 0x100;

} // namespace rf::cpu
