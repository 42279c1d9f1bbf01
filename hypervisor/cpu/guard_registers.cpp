// SPDX-License-Identifier: MIT
// The part of guards.hpp that reads and sets registers.
#include "cpu/guards.hpp"

#include "base/log.hpp"
#include "cpu/control.hpp"
#include "cpu/current.hpp"
#include "cpu/insn.hpp"
#include "cpu/registers.hpp"

#include <array>

namespace rf::cpu {
namespace {

constinit std::array<std::uint64_t, max_cpus> view_slots{};

[[nodiscard]] GuardFacts read_facts()
{
    Features const& f = host();
    GuardFacts facts{.vendor = f.vendor, .family = f.family, .model = f.model, .smep = f.smep};
    bool has_capabilities = false;
    if (f.max_leaf >= 7) {
        CpuidResult const seven = cpuid(7);
        facts.clears_buffers = bit(seven.edx, 10);
        facts.speculation_control = facts.predictor_barrier = bit(seven.edx, 26);
        has_capabilities = bit(seven.edx, 29);
        facts.history_control = seven.eax >= 2 && bit(cpuid(7, 2).edx, 4);
    }
    if (f.max_extended_leaf >= 0x8000'0008) {
        std::uint32_t const amd = cpuid(0x8000'0008).ebx;
        facts.predictor_barrier = facts.predictor_barrier || bit(amd, 12);
        facts.speculation_control = facts.speculation_control || bit(amd, 14);
    }
    if (f.max_extended_leaf >= 0x8000'0021) {
        std::uint32_t const amd = cpuid(0x8000'0021).eax;
        facts.verw_clear = bit(amd, 5);
        facts.automatic_ibrs = bit(amd, 8);
    }
    if (has_capabilities && !read_msr_safe(msr::arch_capabilities, facts.capabilities))
        facts.capabilities = 0;
    return facts;
}

[[nodiscard]] constexpr char const* name_of(BranchGuard guard)
{
    constexpr char const* names[] = {"nothing", "IBRS at each entry", "IBRS", "automatic IBRS"};
    return names[static_cast<unsigned>(guard)];
}

[[nodiscard]] constexpr char const* name_of(IndirectBranch how)
{
    constexpr char const* names[] = {"by jumps", "behind fences", "by returns"};
    return names[static_cast<unsigned>(how)];
}

void report(Guards const& g)
{
    log::info("guards: page tables apart for Dom0 ", g.separate_control ? "yes" : "no", ", for guests ",
              g.separate_guests ? "yes" : "no", "; absent entries checked ", g.absent_guests ? "yes" : "no", "; buffers emptied ", g.buffers ? "yes" : "no", "; return stack refilled ",
              g.returns ? "yes" : "no", "; branches ", name_of(g.branches), ", indirect ones ", name_of(g.indirect), "; history ",
              g.history_by_register ? "by register" : g.history_by_loop ? "by a loop" : "kept", "; barrier between domains ",
              g.predictor ? "yes" : "no");
}

} // namespace

void set_guards(GuardWishes const& wishes)
{
    adopt_guards(choose_guards(read_facts(), wishes));
    report(guards());
    if (guards().separates()) {
        forget_global_pages();
        write_cr4(base_cr4());
    }
}

void arm_guards(CpuId cpu)
{
    Guards const& chosen = guards();
    StackTop& top = stack_top_of(cpu);
    top.guards = (chosen.returns ? guard_bit::returns : 0) | (chosen.history_by_loop ? guard_bit::history : 0) |
                 (chosen.branches == BranchGuard::each_entry ? guard_bit::branches : 0);
    top.speculation_control = chosen.speculation_control();
    if (chosen.branches == BranchGuard::automatic)
        write_msr(msr::efer, read_msr(msr::efer) | efer::aibrse);
    else if (top.speculation_control != 0)
        write_msr(msr::spec_ctrl, top.speculation_control);
}

void guard_against_last(std::uint64_t domain)
{
    if (!guards().predictor)
        return;
    StackTop& top = stack_top();
    if (top.last_domain != domain)
        write_msr(msr::pred_cmd, pred_cmd::ibpb);
    top.last_domain = domain;
}

std::uint64_t view_slot(CpuId cpu) { return view_slots[cpu]; }
void set_view_slot(CpuId cpu, std::uint64_t entry) { view_slots[cpu] = entry; }

} // namespace rf::cpu
