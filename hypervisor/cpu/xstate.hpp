// SPDX-License-Identifier: MIT
#pragma once
/// Floating-point and vector registers of a vCPU, saved and restored eagerly at every switch, so that no register value
/// ever outlives its owner on a CPU.

#include "base/result.hpp"

#include <cstddef>
#include <span>

namespace rf::cpu {

/// The XCR0 components that guests may use here: x87, SSE, AVX, AVX-512 as far as the processor has them. Without XSAVE:
/// x87 and SSE.
[[nodiscard]] std::uint64_t supported_xcr0();
/// Bytes of an XSAVE area in standard form for the components of `xcr0`; 512 without XSAVE.
[[nodiscard]] std::size_t xstate_size(std::uint64_t xcr0);

class ExtendedState {
public:
    /// Bytes of memory that each one needs on this machine.
    [[nodiscard]] static std::size_t room();
    /// In memory of room() bytes, aligned to 64, that lives as long. Starts clean (see reset).
    explicit ExtendedState(std::span<std::byte> memory);
    ExtendedState(ExtendedState const&) = delete;
    ExtendedState& operator=(ExtendedState const&) = delete;

    /// Clean state as after FNINIT with default MXCSR: FCW 0x37f, MXCSR 0x1f80, all else zero; XCR0 = x87.
    void reset();
    /// Stores this CPU's registers here. Clears CR0.TS.
    void save();
    /// Loads this CPU's registers and XCR0 from here. Clears CR0.TS.
    void restore();

    [[nodiscard]] std::uint64_t xcr0() const { return xcr0_; }
    /// What XSETBV allows: x87 always, AVX only with SSE, AVX-512 whole and only with AVX, all supported. Takes effect at
    /// the next restore(). Errno::einval.
    [[nodiscard]] Status set_xcr0(std::uint64_t value);

    /// The 512-byte FXSAVE part (vcpu_guest_context.fpu_ctxt). State must be saved.
    void read_legacy(std::span<std::byte, 512> to) const;
    /// Replaces x87 and SSE state; reserved MXCSR bits are dropped. All other components become clean.
    void write_legacy(std::span<std::byte const, 512> from);
    /// The XSAVE image, standard form, xstate_size(supported_xcr0()) bytes. State must be saved.
    [[nodiscard]] std::span<std::byte const> image() const;
    /// Replaces everything by an XSAVE image made elsewhere. Errno::einval: too short, components that we do not support,
    /// compacted form, or reserved header bits.
    [[nodiscard]] Status write_image(std::span<std::byte const> from);

private:
    void sanitise_mxcsr();
    [[nodiscard]] std::byte* area() { return area_.data(); }
    [[nodiscard]] std::byte const* area() const { return area_.data(); }

    std::uint64_t xcr0_ = 0;
    std::span<std::byte> area_; ///< the XSAVE area, standard form
};

} // namespace rf::cpu
