// SPDX-License-Identifier: MIT
#pragma once
/// Control-register bits, model-specific registers and flags under the names of the Intel 64 and IA-32 Architectures
/// Software Developer's Manual (SDM); AMD's names where only AMD has them. Section numbers refer to the SDM.

#include <cstdint>

namespace rf::cpu {

/// CR0, SDM vol. 3, 2.5.
namespace cr0 {
inline constexpr std::uint64_t pe = 1u << 0;
inline constexpr std::uint64_t mp = 1u << 1;
inline constexpr std::uint64_t em = 1u << 2;
inline constexpr std::uint64_t ts = 1u << 3;
inline constexpr std::uint64_t et = 1u << 4;
inline constexpr std::uint64_t ne = 1u << 5;
inline constexpr std::uint64_t wp = 1u << 16;
inline constexpr std::uint64_t am = 1u << 18;
inline constexpr std::uint64_t nw = 1u << 29;
inline constexpr std::uint64_t cd = 1u << 30;
inline constexpr std::uint64_t pg = 1u << 31;
} // namespace cr0

/// CR4, SDM vol. 3, 2.5.
namespace cr4 {
inline constexpr std::uint64_t vme = 1u << 0;
inline constexpr std::uint64_t pvi = 1u << 1;
inline constexpr std::uint64_t tsd = 1u << 2;
inline constexpr std::uint64_t de = 1u << 3;
inline constexpr std::uint64_t pse = 1u << 4;
inline constexpr std::uint64_t pae = 1u << 5;
inline constexpr std::uint64_t mce = 1u << 6;
inline constexpr std::uint64_t pge = 1u << 7;
inline constexpr std::uint64_t pce = 1u << 8;
inline constexpr std::uint64_t osfxsr = 1u << 9;
inline constexpr std::uint64_t osxmmexcpt = 1u << 10;
inline constexpr std::uint64_t umip = 1u << 11;
inline constexpr std::uint64_t la57 = 1u << 12;
inline constexpr std::uint64_t fsgsbase = 1u << 16;
inline constexpr std::uint64_t pcide = 1u << 17;
inline constexpr std::uint64_t osxsave = 1u << 18;
inline constexpr std::uint64_t smep = 1u << 20;
inline constexpr std::uint64_t smap = 1u << 21;
inline constexpr std::uint64_t pke = 1u << 22;
} // namespace cr4

/// IA32_EFER, SDM vol. 3, 2.2.1.
namespace efer {
inline constexpr std::uint64_t sce = 1u << 0;
inline constexpr std::uint64_t lme = 1u << 8;
inline constexpr std::uint64_t lma = 1u << 10;
inline constexpr std::uint64_t nxe = 1u << 11;
inline constexpr std::uint64_t aibrse = 1u << 21; ///< AMD APM vol. 2, 3.1.7
} // namespace efer

/// RFLAGS, SDM vol. 1, 3.4.3.
namespace rflags {
inline constexpr std::uint64_t cf = 1u << 0;
inline constexpr std::uint64_t fixed = 1u << 1; ///< always one
inline constexpr std::uint64_t tf = 1u << 8;
inline constexpr std::uint64_t interrupt = 1u << 9;
inline constexpr std::uint64_t df = 1u << 10;
inline constexpr std::uint64_t iopl = 3u << 12;
inline constexpr std::uint64_t nt = 1u << 14;
inline constexpr std::uint64_t rf = 1u << 16;
inline constexpr std::uint64_t vm = 1u << 17;
inline constexpr std::uint64_t ac = 1u << 18;
inline constexpr std::uint64_t vif = 1u << 19;
inline constexpr std::uint64_t vip = 1u << 20;
inline constexpr std::uint64_t id = 1u << 21;
} // namespace rflags

/// Model-specific registers, SDM vol. 4, 2.1.
namespace msr {
inline constexpr std::uint32_t tsc = 0x10;
inline constexpr std::uint32_t apic_base = 0x1b;
inline constexpr std::uint32_t spec_ctrl = 0x48;
inline constexpr std::uint32_t pred_cmd = 0x49;
inline constexpr std::uint32_t microcode_revision = 0x8b;
inline constexpr std::uint32_t arch_capabilities = 0x10a;
inline constexpr std::uint32_t sysenter_cs = 0x174;
inline constexpr std::uint32_t sysenter_esp = 0x175;
inline constexpr std::uint32_t sysenter_eip = 0x176;
inline constexpr std::uint32_t misc_enable = 0x1a0;
inline constexpr std::uint32_t pat = 0x277;
inline constexpr std::uint32_t tsc_deadline = 0x6e0;
inline constexpr std::uint32_t x2apic_first = 0x800;
inline constexpr std::uint32_t x2apic_command = 0x830;
inline constexpr std::uint32_t efer = 0xc000'0080;
inline constexpr std::uint32_t star = 0xc000'0081;
inline constexpr std::uint32_t lstar = 0xc000'0082;
inline constexpr std::uint32_t cstar = 0xc000'0083;
inline constexpr std::uint32_t fmask = 0xc000'0084;
inline constexpr std::uint32_t fs_base = 0xc000'0100;
inline constexpr std::uint32_t gs_base = 0xc000'0101;
inline constexpr std::uint32_t kernel_gs_base = 0xc000'0102;
inline constexpr std::uint32_t tsc_aux = 0xc000'0103;
} // namespace msr

/// IA32_APIC_BASE, SDM vol. 3, 10.4.4 and 10.12.1.
namespace apic_base {
inline constexpr std::uint64_t bootstrap = 1u << 8;
inline constexpr std::uint64_t x2apic = 1u << 10;
inline constexpr std::uint64_t enable = 1u << 11;
inline constexpr std::uint64_t address = 0x000f'ffff'ffff'f000ull;
} // namespace apic_base

/// IA32_SPEC_CTRL and IA32_PRED_CMD, SDM vol. 4, table 2-2.
namespace spec_ctrl {
inline constexpr std::uint32_t ibrs = 1u << 0;
inline constexpr std::uint32_t bhi_dis_s = 1u << 10;
} // namespace spec_ctrl
namespace pred_cmd {
inline constexpr std::uint64_t ibpb = 1u << 0;
} // namespace pred_cmd

/// IA32_PAT as the guest ABI fixes it: WB WT UC- UC WC WP UC UC by index (SDM vol. 3, 11.12).
inline constexpr std::uint64_t pat_value = 0x0000'0501'0007'0406ull;

/// XCR0 and XSAVE state components, SDM vol. 1, 13.1.
namespace xcr0 {
inline constexpr std::uint64_t x87 = 1u << 0;
inline constexpr std::uint64_t sse = 1u << 1;
inline constexpr std::uint64_t avx = 1u << 2;
inline constexpr std::uint64_t opmask = 1u << 5;
inline constexpr std::uint64_t zmm_high = 1u << 6;
inline constexpr std::uint64_t zmm_extra = 1u << 7;
inline constexpr std::uint64_t avx512 = opmask | zmm_high | zmm_extra;
} // namespace xcr0

/// Exception vectors, SDM vol. 3, 6.3.1.
namespace exception {
inline constexpr unsigned divide_error = 0;
inline constexpr unsigned debug = 1;
inline constexpr unsigned nmi = 2;
inline constexpr unsigned breakpoint = 3;
inline constexpr unsigned overflow = 4;
inline constexpr unsigned bound_range = 5;
inline constexpr unsigned invalid_opcode = 6;
inline constexpr unsigned device_not_available = 7;
inline constexpr unsigned double_fault = 8;
inline constexpr unsigned invalid_tss = 10;
inline constexpr unsigned segment_not_present = 11;
inline constexpr unsigned stack_fault = 12;
inline constexpr unsigned general_protection = 13;
inline constexpr unsigned page_fault = 14;
inline constexpr unsigned x87_error = 16;
inline constexpr unsigned alignment_check = 17;
inline constexpr unsigned machine_check = 18;
inline constexpr unsigned simd_error = 19;
} // namespace exception

/// Page-fault error code, SDM vol. 3, 4.7.
namespace page_fault_code {
inline constexpr std::uint32_t present = 1u << 0;
inline constexpr std::uint32_t write = 1u << 1;
inline constexpr std::uint32_t user = 1u << 2;
inline constexpr std::uint32_t reserved_bit = 1u << 3;
inline constexpr std::uint32_t fetch = 1u << 4;
} // namespace page_fault_code

} // namespace rf::cpu
