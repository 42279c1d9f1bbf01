// SPDX-License-Identifier: MIT
#pragma once
/// What stands between guests and what a processor does ahead of time (speculative execution): which measures this
/// machine needs, and which the operator asked for. Decided once, before the first guest.
///
/// Machines that need none use the plain doors (entry/entry.S, entry/system_calls.S). As soon as one measure belongs into
/// every entry or exit, all processors use the guarded doors (entry/guarded.S); nothing is patched and nothing is tested
/// on the plain way.

#include "base/types.hpp"
#include "cpu/features.hpp"

#include <optional>

namespace rf::cpu {

/// An option that may be left to us.
enum class Setting : std::uint8_t { automatic, off, on };

/// How the hypervisor branches to an address in a register (cpu/branch_thunks.S).
enum class IndirectBranch : std::uint8_t {
    plain,        ///< by a jump, whose target the processor may foretell as it was taught
    behind_fence, ///< the same behind LFENCE
    by_return,    ///< by a return that is foretold to lead nowhere ("retpoline")
};

/// What the operator asked for (`xpti=`, `spec-ctrl=`).
struct GuardWishes {
    Setting separate_control = Setting::automatic; ///< Dom0 runs on page tables without the hypervisor's memory
    Setting separate_guests = Setting::automatic;  ///< other guests do
    Setting absent_control = Setting::automatic;   ///< entries that are not present name no memory: Dom0's
    Setting absent_guests = Setting::automatic;    ///< and those of other guests (`pv-l1tf=`)
    Setting buffers = Setting::automatic;          ///< VERW before every return to a guest
    Setting returns = Setting::automatic;          ///< refill the return stack buffer at entry
    Setting branches = Setting::automatic;         ///< IBRS while in the hypervisor
    Setting history = Setting::automatic;          ///< forget the history of branches at entry
    Setting predictor = Setting::automatic;        ///< IBPB when another domain comes onto a processor
    std::optional<IndirectBranch> indirect{};      ///< the hypervisor's indirect branches (`bti-thunk=`); nothing: left to us
};

/// What CPUID and IA32_ARCH_CAPABILITIES say; SDM vol. 4, table 2-2, AMD APM vol. 3, appendix E.
struct GuardFacts {
    Vendor vendor = Vendor::other;
    unsigned family = 0, model = 0;
    bool smep = false;
    bool clears_buffers = false;    ///< MD_CLEAR: VERW empties buffers
    bool verw_clear = false;        ///< AMD: VERW empties buffers
    bool speculation_control = false; ///< IBRS and IBPB (Intel); IBRS (AMD)
    bool predictor_barrier = false; ///< IBPB
    bool automatic_ibrs = false;    ///< AMD
    bool history_control = false;   ///< BHI_DIS_S
    std::uint64_t capabilities = 0; ///< IA32_ARCH_CAPABILITIES, or 0
};

/// Bits of IA32_ARCH_CAPABILITIES that we read.
namespace capability {
inline constexpr std::uint64_t rdcl_no = 1u << 0;
inline constexpr std::uint64_t ibrs_all = 1u << 1;
inline constexpr std::uint64_t mds_no = 1u << 5;
inline constexpr std::uint64_t fb_clear = 1u << 17;
inline constexpr std::uint64_t bhi_no = 1u << 20;
inline constexpr std::uint64_t rfds_clear = 1u << 28;
} // namespace capability

/// StackTop::guards: what the guarded doors do besides changing roots and emptying buffers.
namespace guard_bit {
inline constexpr std::uint32_t returns = 1;
inline constexpr std::uint32_t history = 2;
inline constexpr std::uint32_t branches = 4;
} // namespace guard_bit

/// When IBRS is set.
enum class BranchGuard : std::uint8_t {
    none,
    each_entry, ///< set at entry, cleared at exit: the processor does not tell rings apart by itself
    always,     ///< set once: the processor keeps rings apart
    automatic,  ///< AMD: EFER.AIBRSE, set once
};

struct Guards {
    bool separate_control = false;
    bool separate_guests = false;
    bool absent_control = false;     ///< what absent entries name is looked at (L1TF)
    bool absent_guests = false;
    bool buffers = false;
    bool returns = false;
    BranchGuard branches = BranchGuard::none;
    bool history_by_loop = false;    ///< a run of branches at entry
    bool history_by_register = false; ///< BHI_DIS_S beside IBRS
    bool predictor = false;
    IndirectBranch indirect = IndirectBranch::plain;

    [[nodiscard]] constexpr bool separates() const { return separate_control || separate_guests; }
    /// Entries and exits have work to do.
    [[nodiscard]] constexpr bool at_doors() const
    {
        return separates() || buffers || returns || branches == BranchGuard::each_entry || history_by_loop;
    }
    /// IA32_SPEC_CTRL while in the hypervisor.
    [[nodiscard]] std::uint32_t speculation_control() const;
};

/// The decision; pure.
[[nodiscard]] Guards choose_guards(GuardFacts const& facts, GuardWishes const& wishes);

/// Reads the processor, decides, and switches global translations off if guests are to be kept apart by page tables (the
/// translations of the hypervisor must not outlive the change of root). Called once, before the final page tables.
void set_guards(GuardWishes const& wishes);
[[nodiscard]] Guards const& guards();
/// Makes a decision the machine's (set_guards, and tests).
void adopt_guards(Guards const& guards);
/// Sets the registers of the calling processor, which is `cpu`, and the words in its block that the guarded doors read.
void arm_guards(CpuId cpu);
/// Another domain's vCPU comes onto this processor: forgets what the last one taught the branch predictor. `domain` is a
/// number that is never reused.
void guard_against_last(std::uint64_t domain);

/// The entry for slot 261 of views (pvmmu/root_view.hpp) while their vCPU is on `cpu`: only what the doors need.
[[nodiscard]] std::uint64_t view_slot(CpuId cpu);
void set_view_slot(CpuId cpu, std::uint64_t entry);

} // namespace rf::cpu
