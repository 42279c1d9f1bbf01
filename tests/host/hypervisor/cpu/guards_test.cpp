// SPDX-License-Identifier: MIT
// Which measures against speculative execution a processor gets, by what it says about itself and by what the operator
// wants. A row for each generation whose answer differs from its neighbours'.
#include "cpu/guards.hpp"

#include "boot/branch_thunks.hpp"
#include "cpu/control.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rf::cpu {
namespace {

struct Row {
    char const* name;
    GuardFacts facts;
    Guards expected;
};

// NOLINTBEGIN: rows of a table
Row const rows[] = {
    {"Nehalem without microcode",
     {.vendor = Vendor::intel, .family = 6, .model = 0x1a},
     {.separate_control = true, .separate_guests = true, .absent_guests = true, .returns = true, .indirect = IndirectBranch::by_return}},
    {"Skylake with microcode",
     {.vendor = Vendor::intel, .family = 6, .model = 0x55, .smep = true, .clears_buffers = true, .speculation_control = true, .predictor_barrier = true},
     {.separate_control = true, .separate_guests = true, .absent_guests = true, .buffers = true, .branches = BranchGuard::each_entry, .predictor = true}},
    {"Cascade Lake",
     {.vendor = Vendor::intel, .family = 6, .model = 0x55, .smep = true, .clears_buffers = true, .speculation_control = true, .predictor_barrier = true,
      .capabilities = capability::rdcl_no | capability::ibrs_all | capability::mds_no},
     {.branches = BranchGuard::always, .history_by_loop = true, .predictor = true}},
    {"Cascade Lake that empties fill buffers",
     {.vendor = Vendor::intel, .family = 6, .model = 0x55, .smep = true, .clears_buffers = true, .speculation_control = true, .predictor_barrier = true,
      .capabilities = capability::rdcl_no | capability::ibrs_all | capability::mds_no | capability::fb_clear},
     {.buffers = true, .branches = BranchGuard::always, .history_by_loop = true, .predictor = true}},
    {"Sapphire Rapids",
     {.vendor = Vendor::intel, .family = 6, .model = 0x8f, .smep = true, .clears_buffers = true, .speculation_control = true, .predictor_barrier = true,
      .history_control = true, .capabilities = capability::rdcl_no | capability::ibrs_all | capability::mds_no},
     {.branches = BranchGuard::always, .history_by_register = true, .predictor = true}},
    {"one that names no weakness",
     {.vendor = Vendor::intel, .family = 6, .model = 0xcf, .smep = true, .speculation_control = true, .predictor_barrier = true,
      .capabilities = capability::rdcl_no | capability::ibrs_all | capability::mds_no | capability::bhi_no},
     {.branches = BranchGuard::always, .predictor = true}},
    {"an Atom that executes in order", {.vendor = Vendor::intel, .family = 6, .model = 0x1c}, {}},
    {"AMD family 10h", {.vendor = Vendor::amd, .family = 16, .model = 2}, {.returns = true, .indirect = IndirectBranch::by_return}},
    {"Zen 2",
     {.vendor = Vendor::amd, .family = 0x17, .model = 0x31, .smep = true, .speculation_control = true, .predictor_barrier = true},
     {.branches = BranchGuard::each_entry, .predictor = true}},
    {"Zen 4",
     {.vendor = Vendor::amd, .family = 0x19, .model = 0x11, .smep = true, .verw_clear = true, .speculation_control = true, .predictor_barrier = true, .automatic_ibrs = true},
     {.buffers = true, .branches = BranchGuard::automatic, .predictor = true}},
    {"a maker that nobody knows", {.smep = true}, {.separate_control = true, .separate_guests = true, .indirect = IndirectBranch::by_return}},
};
// NOLINTEND

void expect_equal(Guards const& got, Guards const& expected, char const* name)
{
    EXPECT_EQ(got.separate_control, expected.separate_control) << name;
    EXPECT_EQ(got.separate_guests, expected.separate_guests) << name;
    EXPECT_EQ(got.absent_control, expected.absent_control) << name;
    EXPECT_EQ(got.absent_guests, expected.absent_guests) << name;
    EXPECT_EQ(got.buffers, expected.buffers) << name;
    EXPECT_EQ(got.returns, expected.returns) << name;
    EXPECT_EQ(got.branches, expected.branches) << name;
    EXPECT_EQ(got.history_by_loop, expected.history_by_loop) << name;
    EXPECT_EQ(got.history_by_register, expected.history_by_register) << name;
    EXPECT_EQ(got.predictor, expected.predictor) << name;
    EXPECT_EQ(got.indirect, expected.indirect) << name;
}

TEST(Guards, EachProcessorGetsWhatItNeeds)
{
    for (Row const& row : rows)
        expect_equal(choose_guards(row.facts, {}), row.expected, row.name);
}

TEST(Guards, TheOperatorHasTheLastWord)
{
    GuardWishes none;
    for (auto member : {&GuardWishes::separate_control, &GuardWishes::separate_guests, &GuardWishes::absent_control, &GuardWishes::absent_guests, &GuardWishes::buffers, &GuardWishes::returns,
                        &GuardWishes::branches, &GuardWishes::history, &GuardWishes::predictor})
        none.*member = Setting::off;
    none.indirect = IndirectBranch::plain;
    for (Row const& row : rows)
        expect_equal(choose_guards(row.facts, none), {}, row.name);

    GuardWishes apart{.separate_guests = Setting::on};
    expect_equal(choose_guards(rows[6].facts, apart), {.separate_guests = true}, "asked for although not needed");
}

// Who switches IBRS off still has indirect branches that guests cannot lead astray; who names a way gets it.
TEST(Guards, IndirectBranchesAreGuardedByIbrsOrByReturns)
{
    GuardFacts const& zen_2 = rows[8].facts;
    EXPECT_EQ(choose_guards(zen_2, {}).indirect, IndirectBranch::plain);
    EXPECT_EQ(choose_guards(zen_2, {.branches = Setting::off}).indirect, IndirectBranch::by_return);
    EXPECT_EQ(choose_guards(zen_2, {.indirect = IndirectBranch::behind_fence}).indirect, IndirectBranch::behind_fence);
    EXPECT_FALSE((Guards{.indirect = IndirectBranch::by_return}.at_doors()));
}

// SDM vol. 2, JMP (FF /4, REX.B for r8 to r15) and LFENCE (0F AE E8).
TEST(BranchThunks, ArePlainJumpsWhereReturnsAreNotNeeded)
{
    using boot::branch_bytes;
    auto const text = [](boot::BranchBytes const& code) { return std::vector<unsigned>(code.bytes.begin(), code.bytes.begin() + code.size); };
    EXPECT_EQ(text(branch_bytes(IndirectBranch::plain, 0)), (std::vector<unsigned>{0xff, 0xe0, 0xcc})) << "jmp *%rax";
    EXPECT_EQ(text(branch_bytes(IndirectBranch::plain, 3)), (std::vector<unsigned>{0xff, 0xe3, 0xcc})) << "jmp *%rbx";
    EXPECT_EQ(text(branch_bytes(IndirectBranch::plain, 12)), (std::vector<unsigned>{0x41, 0xff, 0xe4, 0xcc})) << "jmp *%r12";
    EXPECT_EQ(text(branch_bytes(IndirectBranch::behind_fence, 15)), (std::vector<unsigned>{0x0f, 0xae, 0xe8, 0x41, 0xff, 0xe7, 0xcc})) << "lfence; jmp *%r15";
    EXPECT_EQ(branch_bytes(IndirectBranch::by_return, 7).size, 0u) << "as it was linked";
}

TEST(Guards, WhatAProcessorCannotDoIsNotAskedOfIt)
{
    GuardWishes const all{Setting::on, Setting::on, Setting::on, Setting::on, Setting::on, Setting::on, Setting::on, Setting::on, Setting::on};
    Guards const old = choose_guards({.vendor = Vendor::intel, .family = 6, .model = 0x1c}, all);
    EXPECT_EQ(old.branches, BranchGuard::none);
    EXPECT_FALSE(old.predictor);
    EXPECT_FALSE(old.history_by_register);
    EXPECT_TRUE(old.history_by_loop && old.buffers && old.returns) << "these need no register";
    EXPECT_EQ(old.speculation_control(), 0u);
}

TEST(Guards, DoorsAreGuardedOnlyWhereThereIsWorkAtThem)
{
    EXPECT_FALSE(Guards{}.at_doors());
    EXPECT_FALSE((Guards{.branches = BranchGuard::always, .history_by_register = true, .predictor = true}.at_doors()));
    EXPECT_TRUE((Guards{.separate_guests = true}.at_doors()));
    EXPECT_TRUE((Guards{.buffers = true}.at_doors()));
    EXPECT_TRUE((Guards{.branches = BranchGuard::each_entry}.at_doors()));
    EXPECT_EQ((Guards{.branches = BranchGuard::always, .history_by_register = true}.speculation_control()), 0x401u);
}

// SMAP: used wherever it is, but under an emulator only for those who ask.
TEST(AccessGate, IsUsedWhereItIs)
{
    Features features;
    for (Setting const wish : {Setting::automatic, Setting::on, Setting::off})
        EXPECT_FALSE(wants_access_gate(features, wish)) << "there is none";
    features.smap = true;
    EXPECT_TRUE(wants_access_gate(features, Setting::automatic));
    EXPECT_FALSE(wants_access_gate(features, Setting::off));
    features.emulated = true;
    EXPECT_FALSE(wants_access_gate(features, Setting::automatic));
    EXPECT_TRUE(wants_access_gate(features, Setting::on));
}

} // namespace
} // namespace rf::cpu
