// SPDX-License-Identifier: MIT
#include "cpu/guards.hpp"

#include "cpu/registers.hpp"

namespace rf::cpu {
namespace {

constinit Guards chosen;

[[nodiscard]] constexpr bool has(std::uint64_t word, std::uint64_t bits) { return (word & bits) != 0; }

/// Processors that execute in order, before 2013: they do not run ahead.
[[nodiscard]] bool in_order(GuardFacts const& f)
{
    constexpr unsigned atoms[] = {0x1c, 0x26, 0x27, 0x35, 0x36};
    if (f.vendor != Vendor::intel || f.family != 6)
        return false;
    for (unsigned const model : atoms)
        if (f.model == model)
            return true;
    return false;
}

[[nodiscard]] bool reads_ahead_of_rights(GuardFacts const& f)
{
    return f.vendor != Vendor::amd && f.vendor != Vendor::hygon && !in_order(f) && !has(f.capabilities, capability::rdcl_no);
}

/// Absent entries still lead to what the first cache holds.
[[nodiscard]] bool follows_absent_entries(GuardFacts const& f) { return f.vendor == Vendor::intel && reads_ahead_of_rights(f); }

[[nodiscard]] bool leaks_buffers(GuardFacts const& f)
{
    if (f.vendor == Vendor::intel)
        return (f.clears_buffers && !has(f.capabilities, capability::mds_no)) ||
               has(f.capabilities, capability::fb_clear | capability::rfds_clear);
    return f.verw_clear;
}

[[nodiscard]] BranchGuard best_branch_guard(GuardFacts const& f)
{
    if (f.automatic_ibrs)
        return BranchGuard::automatic;
    if (!f.speculation_control)
        return BranchGuard::none;
    return has(f.capabilities, capability::ibrs_all) ? BranchGuard::always : BranchGuard::each_entry;
}

/// IBRS keeps guests' lessons from the predictor of our branches; without it the predictor is not asked.
[[nodiscard]] IndirectBranch best_indirect_branch(GuardFacts const& f, BranchGuard branches)
{
    return branches != BranchGuard::none || in_order(f) ? IndirectBranch::plain : IndirectBranch::by_return;
}

[[nodiscard]] constexpr bool settle(Setting wish, bool needed)
{
    return wish == Setting::automatic ? needed : wish == Setting::on;
}

} // namespace

std::uint32_t Guards::speculation_control() const
{
    bool const ibrs = branches == BranchGuard::each_entry || branches == BranchGuard::always;
    return (ibrs ? spec_ctrl::ibrs : 0) | (history_by_register ? spec_ctrl::bhi_dis_s : 0);
}

Guards choose_guards(GuardFacts const& facts, GuardWishes const& wishes)
{
    bool const apart = reads_ahead_of_rights(facts);
    BranchGuard const branches = settle(wishes.branches, true) ? best_branch_guard(facts) : BranchGuard::none;
    // Who keeps branch targets of rings apart may still let their history through.
    bool const history = facts.vendor == Vendor::intel && branches == BranchGuard::always &&
                         !has(facts.capabilities, capability::bhi_no);
    bool const forget = settle(wishes.history, history);
    return {
        .separate_control = settle(wishes.separate_control, apart),
        .separate_guests = settle(wishes.separate_guests, apart),
        // Dom0 may read all memory anyway.
        .absent_control = settle(wishes.absent_control, false),
        .absent_guests = settle(wishes.absent_guests, follows_absent_entries(facts)),
        .buffers = settle(wishes.buffers, leaks_buffers(facts)),
        // With SMEP a return that is foretold wrongly cannot lead into the guest's own code.
        .returns = settle(wishes.returns, !facts.smep && !in_order(facts)),
        .branches = branches,
        .history_by_loop = !facts.history_control && forget,
        .history_by_register = facts.history_control && forget,
        .predictor = facts.predictor_barrier && settle(wishes.predictor, true),
        .indirect = wishes.indirect.value_or(best_indirect_branch(facts, branches)),
    };
}

Guards const& guards() { return chosen; }
void adopt_guards(Guards const& guards) { chosen = guards; }

} // namespace rf::cpu
