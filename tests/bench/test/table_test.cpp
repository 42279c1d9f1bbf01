// SPDX-License-Identifier: MIT
// The bench reads what its kernel prints, and judges it: told on made-up lines.
#include <gtest/gtest.h>

#include "table.hpp"

namespace rf::bench {
namespace {

// A hypervisor's own lines and prefixes surround the figures; a run that did not come to its end is not complete.
TEST(BenchFigures, AreReadAmongOtherLines) {
    const auto results = parse_results(
        "(XEN) Freed 656kB init memory\n"
        "bench: start 1002562069\r\n"
        "(d0) bench: figure M9 rounds 2 units 128 total 512 min 250 max 262\n"
        "bench: figure M1 rounds 0 units 1 total 0 min 0 max 0\n"
        "bench: refused M16 a grant was refused, error 3\n");
    EXPECT_EQ(results.start, 1002562069u);
    ASSERT_TRUE(results.figures.contains("M9"));
    EXPECT_DOUBLE_EQ(results.figures.at("M9").mean(), 2.0);
    EXPECT_FALSE(results.figures.contains("M1")) << "a figure of no rounds is none";
    EXPECT_EQ(results.refused.at("M16"), "a grant was refused, error 3");
    EXPECT_FALSE(results.complete);
    EXPECT_TRUE(parse_results("bench: done\n").complete);
}

// One instruction more or less is another result.
TEST(BenchFigures, DifferByOneInstruction) {
    const auto one = parse_results("bench: figure M1 rounds 10 units 1 total 1000 min 100 max 100\n");
    const auto other = parse_results("bench: figure M1 rounds 10 units 1 total 1001 min 100 max 101\n");
    EXPECT_TRUE(one == one);
    EXPECT_FALSE(one == other);
}

Verdict verdict_of(std::uint64_t xen, std::uint64_t ringfort) {
    Results theirs, ours;
    theirs.figures["M1"] = {1, 1, xen, xen, xen};
    ours.figures["M1"] = {1, 1, ringfort, ringfort, ringfort};
    const auto rows = make_rows(theirs, ours, "M1");
    EXPECT_EQ(rows.front().target.figure, "M1");
    return rows.front().verdict;
}

// M1 is to be at most 0.5, its aim is 0.3; the bounds themselves are good.
TEST(BenchTable, JudgesByTheRatio) {
    EXPECT_EQ(verdict_of(1000, 300), Verdict::reached);
    EXPECT_EQ(verdict_of(1000, 301), Verdict::held);
    EXPECT_EQ(verdict_of(1000, 500), Verdict::held);
    EXPECT_EQ(verdict_of(1000, 501), Verdict::missed);
}

// Nothing is left out quietly: what one side did not print, or nobody can take yet, is a row that says why.
TEST(BenchTable, SaysWhyAFigureIsMissing) {
    Results xen, ringfort;
    xen.figures["M16.single"] = {1, 1, 10, 10, 10};
    ringfort.refused["M16"] = "no grants today";
    const auto rows = make_rows(xen, ringfort, "M16,M4");
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].target.figure, "M4");
    EXPECT_FALSE(rows[0].missing.empty());
    EXPECT_EQ(rows[1].missing, "Ringfort: no grants today");
    EXPECT_EQ(rows[1].verdict, Verdict::untaken);
    EXPECT_NE(to_markdown(rows).find("not taken: Ringfort: no grants today"), std::string::npos);
    EXPECT_NE(to_json(rows, "d", "c").find("\"ringfort\": null"), std::string::npos);
}

// Families are asked for by name, one of their members by its own.
TEST(BenchTable, TakesWhatIsAskedFor) {
    EXPECT_TRUE(asked_for("", "M8.invlpg"));
    EXPECT_TRUE(asked_for("M1,M8", "M8.invlpg"));
    EXPECT_FALSE(asked_for("M8.flush", "M8.invlpg"));
    EXPECT_FALSE(asked_for("M1", "M10"));
}

}  // namespace
}  // namespace rf::bench
