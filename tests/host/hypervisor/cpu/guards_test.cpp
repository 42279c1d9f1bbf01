// SPDX-License-Identifier: MIT
// Which measures against speculative execution a processor gets, by what it says about itself and by what the operator
// wants. A row for each generation whose answer differs from its neighbours'.
#include "cpu/guards.hpp"

#include "cpu/control.hpp"

#include <gtest/gtest.h>

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
     {.separate_control = true, .separate_guests = true, .absent_guests = true, .returns = true}},
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
    {"AMD family 10h", {.vendor = Vendor::amd, .family = 16, .model = 2}, {.returns = true}},
    {"Zen 2",
     {.vendor = Vendor::amd, .family = 0x17, .model = 0x31, .smep = true, .speculation_control = true, .predictor_barrier = true},
     {.branches = BranchGuard::each_entry, .predictor = true}},
    {"Zen 4",
     {.vendor = Vendor::amd, .family = 0x19, .model = 0x11, .smep = true, .verw_clear = true, .speculation_control = true, .predictor_barrier = true, .automatic_ibrs = true},
     {.buffers = true, .branches = BranchGuard::automatic, .predictor = true}},
    {"a maker that nobody knows", {.smep = true}, {.separate_control = true, .separate_guests = true}},
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
    for (Row const& row : rows)
        expect_equal(choose_guards(row.facts, none), {}, row.name);

    GuardWishes apart{.separate_guests = Setting::on};
    expect_equal(choose_guards(rows[6].facts, apart), {.separate_guests = true}, "asked for although not needed");
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
