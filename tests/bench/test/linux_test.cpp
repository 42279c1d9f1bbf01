// SPDX-License-Identifier: MIT
// The bench reads what its meter wrote down of two machines with Linux, and judges it: told on made-up lines.
#include <gtest/gtest.h>

#include <algorithm>

#include "plot.hpp"
#include "rows.hpp"

namespace rf::bench {
namespace {

/// A line of the meter whose counts before and after it are `first` and `last` instructions of the kernel.
std::string line(unsigned first, unsigned last, const std::string& text)
{
    return "0 " + std::to_string(first) + " 0 0 0 " + std::to_string(last) + " 0 0 " + text + "\n";
}

std::string window(unsigned from, unsigned length, const std::string& name, unsigned operations)
{
    return line(from - 10, from, "begin " + name) + line(from + length, from + length + 10, "end " + name + " " + std::to_string(operations));
}

// What telling costs lies outside of the window; of several windows the middle one counts, and least and most are kept.
TEST(LinuxReadings, AreWindowsBetweenLines)
{
    const auto readings = parse_readings(window(100, 5000, "M29.read", 50) + window(10000, 4000, "M29.read", 50) + window(20000, 9000, "M29.read", 50) +
                                         line(0, 1, "done"));
    const auto figure = readings.figure("M29.read");
    ASSERT_TRUE(figure);
    EXPECT_DOUBLE_EQ(figure->mean(), 100);
    EXPECT_EQ(figure->least, 4000u);
    EXPECT_EQ(figure->most, 9000u);
    EXPECT_DOUBLE_EQ((*readings.parts("M29.read"))[1], 120) << "the mean of the three, all in kernels";
    EXPECT_FALSE(readings.figure("M29.write"));
    EXPECT_TRUE(readings.complete);
    EXPECT_TRUE(readings.notes.empty());
}

// Of 5,000 instructions 4,000 are iterations of a copy: the figure has them all, the other count only 1,000.
TEST(LinuxReadings, CountARepeatedInstructionOnceBeside)
{
    const auto readings = parse_readings("0 90 0 7 0 100 0 7 begin M29.read\n0 5100 0 4007 0 5110 0 4007 end M29.read 10\n");
    EXPECT_DOUBLE_EQ(readings.figure("M29.read")->mean(), 500);
    EXPECT_DOUBLE_EQ(readings.figure_without_repeats("M29.read")->mean(), 100);
    EXPECT_FALSE(readings.figure_without_repeats("M29.write"));

    Side xen, ringfort;
    xen.main = readings;
    ringfort.main = parse_readings(window(100, 250, "M29.read", 1));
    const auto table = repeats_to_markdown(xen, ringfort, "store");
    EXPECT_NE(table.find("| M29.read | 500 | 250 | 0.50 | 100 | 250 | 2.50 |"), std::string::npos) << table;
    EXPECT_EQ(table.find("M29.write"), std::string::npos) << "there is nothing to compare";
}

// A guest says when it runs: that ends its creation early, whether the command that creates it still runs or has ended. Dom0's
// word counts from power-on.
TEST(LinuxReadings, KnowWhenAGuestWasReached)
{
    const auto readings = parse_readings(line(700, 720, "reached dom0") + line(990, 1000, "begin create.kernel") + line(4000, 4010, "reached kernel") +
                                         line(5000, 5010, "end create.kernel 1") + window(10000, 500, "create.late", 1) + line(11000, 11010, "reached late"));
    EXPECT_EQ(readings.figure("dom0.reached")->total, 700u);
    EXPECT_EQ(readings.figure("create.kernel.reached")->total, 3000u);
    EXPECT_EQ(readings.figure("create.kernel")->total, 4000u);
    EXPECT_EQ(readings.figure("create.late.reached")->total, 1000u);
    EXPECT_FALSE(readings.complete);
}

// Two programs that tell at once spoil a line: it becomes a note, never a figure.
TEST(LinuxReadings, KeepLinesThatMakeNoSense)
{
    const auto readings = parse_readings(line(0, 1, "bergefinachde") + "not even counts\n" + line(5, 6, "end nothing 1") + line(7, 8, "value free 12x"));
    EXPECT_EQ(readings.notes.size(), 4u);
    EXPECT_TRUE(readings.windows.empty());
    EXPECT_TRUE(readings.values.empty());
}

const Row& row_of(const std::vector<Row>& rows, const std::string& name)
{
    return *std::find_if(rows.begin(), rows.end(), [&name](const Row& row) { return row.target.figure == name; });
}

// Xen takes 1,000 instructions, we 200: held and the aim reached. What one side refused is a row that says why; stages that
// were not asked for have no rows.
TEST(LinuxRows, JudgeAndExplain)
{
    Side xen, ringfort;
    xen.main = parse_readings(window(100, 1000, "M29.read", 1) + window(5000, 1000, "M29.write", 1));
    ringfort.main = parse_readings(window(100, 200, "M29.read", 1) + line(0, 1, "refused M29.write the store is gone"));
    const auto rows = linux_rows(xen, ringfort, "store");
    EXPECT_EQ(row_of(rows, "M29.read").verdict, Verdict::reached);
    EXPECT_EQ(row_of(rows, "M29.write").verdict, Verdict::untaken);
    EXPECT_EQ(row_of(rows, "M29.write").missing, "Ringfort: the store is gone");
    EXPECT_EQ(row_of(rows, "M29.watch").missing, "Xen: its machine did not tell M29.watch; Ringfort: its machine did not tell M29.watch");
    for (const auto& row : rows) EXPECT_TRUE(row.target.figure.starts_with("M29")) << row.target.figure;
}

// One round of the two guests is two switches, which their window says: 10,000 instructions are 2,500 for each of four. A guest
// that did not find the other is a row that says so.
TEST(LinuxRows, JudgeASwitchBetweenGuests)
{
    Side xen, ringfort, alone;
    xen.main = parse_readings(window(100, 10000, "M18", 4));
    ringfort.main = parse_readings(window(100, 6000, "M18", 4));
    alone.main = parse_readings(line(0, 1, "refused M18 the second guest did not connect"));
    const auto rows = linux_rows(xen, ringfort, "switch");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_DOUBLE_EQ(row_of(rows, "M18").xen->mean(), 2500);
    EXPECT_EQ(row_of(rows, "M18").verdict, Verdict::held) << "0.6 is below the bound and above the aim";
    EXPECT_EQ(row_of(linux_rows(xen, alone, "switch"), "M18").missing, "Ringfort: the second guest did not connect");
    EXPECT_NE(parts_to_markdown(xen, ringfort).find("| M18 | 0 | 2500 | 0 | M18 | 0 | 1500 | 0 |"), std::string::npos);
}

// Two guests told the same figures; Dom0 ran in the midst of a round of each. The least counts, per operation; what only one side told is a
// row that says so, and what nobody told is none.
TEST(LinuxRows, JudgeTheServicesToAGuestByTheLeast)
{
    const auto told = [](unsigned least, unsigned most) {
        return line(0, 1, "bench: figure M9 rounds 10 units 128 total 999999 min " + std::to_string(least) + " max " + std::to_string(most));
    };
    Side xen, ringfort;
    xen.main = parse_readings(told(128000, 500000) + told(128128, 300000) + line(0, 1, "bench: figure M1 rounds 2 units 1 total 600 min 270 max 330"));
    ringfort.main = parse_readings(told(25600, 26000) + line(0, 1, "refused services the guest could not be created"));
    EXPECT_TRUE(xen.main.notes.empty());
    const auto rows = service_rows(xen, ringfort);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_DOUBLE_EQ(row_of(rows, "M9").xen->mean(), 1000);
    EXPECT_EQ(row_of(rows, "M9").xen->most, 128128u) << "the other guest's";
    EXPECT_DOUBLE_EQ(row_of(rows, "M9").ringfort->mean(), 200);
    EXPECT_EQ(row_of(rows, "M9").verdict, Verdict::reached);
    EXPECT_EQ(row_of(rows, "M1").missing, "Ringfort: the guest could not be created");
}

// What is neither free nor Dom0's is the hypervisor's; growth is judged by itself; more guests are better, not fewer.
TEST(LinuxRows, ComputeMemoryGrowthAndDensity)
{
    const auto machine = [](unsigned free, unsigned hundredth, unsigned guests) {
        Side side;
        side.many = parse_readings(line(0, 1, "value boot.free " + std::to_string(free)) + line(0, 1, "value boot.dom0 500000") +
                                   window(100, 1000, "curve.create@1", 1) + window(5000, hundredth, "curve.create@100", 1) +
                                   line(0, 1, "value fill.count " + std::to_string(guests)) + line(0, 1, "value fill.refused 1"));
        return side;
    };
    const auto rows = linux_rows(machine(many_machine_kib - 500000 - 40000, 5000, 400), machine(many_machine_kib - 500000 - 10000, 1100, 900), "many");
    EXPECT_DOUBLE_EQ(row_of(rows, "M38.reserve_2").xen->mean(), 40000);
    EXPECT_EQ(row_of(rows, "M38.reserve_2").verdict, Verdict::reached);
    EXPECT_DOUBLE_EQ(row_of(rows, "M21").ringfort->mean(), 1.1);
    EXPECT_EQ(row_of(rows, "M21").verdict, Verdict::held);
    EXPECT_EQ(row_of(rows, "M39").verdict, Verdict::held);
    // as many as were asked for is no limit
    EXPECT_NE(row_of(linux_rows({}, {}, "many"), "M39").missing, "");
}

// Five boots by the clock: the third in order counts.
TEST(LinuxRows, TakeTheMedianOfBoots)
{
    Side side;
    side.boot_seconds = {5, 1, 9, 3, 4};
    const auto rows = linux_rows(side, side, "boot");
    EXPECT_DOUBLE_EQ(row_of(rows, "M25.wall").xen->mean(), 4000);
    EXPECT_NE(spread_to_markdown(rows).find("| M25.wall | 1000 | 9000 | 1000 | 9000 |"), std::string::npos);
}

TEST(LinuxPlot, ShowsEveryRatioAndCurve)
{
    Side xen, ringfort;
    xen.main = parse_readings(window(100, 1000, "M29.read", 1));
    ringfort.main = parse_readings(window(100, 200, "M29.read", 1));
    const auto svg = to_svg(linux_rows(xen, ringfort, "store"), {{"create <1>", {{1, 10}, {2, 20}}, {{1, 5}, {2, 5}}}}, "a day");
    EXPECT_NE(svg.find(">M29.read</text>"), std::string::npos);
    EXPECT_EQ(svg.find(">M29.write</text>"), std::string::npos) << "there is no ratio";
    EXPECT_NE(svg.find("create &lt;1>"), std::string::npos);
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace rf::bench
