// SPDX-License-Identifier: MIT
#pragma once
/// What the processor offers. Collected once on the boot processor; all processors are assumed to be alike.

#include "cpu/insn.hpp"

#include <array>

namespace rf::cpu {

enum class Vendor : std::uint8_t { other, intel, amd, hygon };

struct Features {
    Vendor vendor = Vendor::other;
    std::array<char, 13> vendor_text{};
    std::array<char, 49> brand{};
    unsigned family = 0, model = 0, stepping = 0;
    std::uint32_t max_leaf = 0, max_extended_leaf = 0;
    unsigned physical_address_bits = 36;

    bool no_execute = false;
    bool one_gib_pages = false;
    bool global_pages = false;
    bool smep = false;
    bool smap = false;
    bool emulated = false; ///< by QEMU's TCG, says CPUID 40000000h
    bool fsgsbase = false;
    bool umip = false;
    bool invpcid = false;
    bool xsave = false;
    bool xsaveopt = false;
    bool xsave_error_pointers = false; ///< restoring always restores the x87 pointers (AMD)
    bool x2apic = false;
    bool tsc_deadline = false;
    bool tsc_invariant = false;
    bool rdtscp = false;
    bool machine_check = false;
    bool always_running_apic_timer = false;
    std::uint64_t xcr0_supported = 0; ///< components that the processor has (CPUID 0dh)
};

/// The machine's features; empty until collect_features().
[[nodiscard]] Features const& host();
/// Reads CPUID. Called once, first of all.
void collect_features();
/// From now on this machine has no global translations (cpu/guards.hpp).
void forget_global_pages();

} // namespace rf::cpu
