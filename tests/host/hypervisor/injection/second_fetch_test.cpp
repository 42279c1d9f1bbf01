// SPDX-License-Identifier: MIT
// A guest may change its arguments while the hypervisor reads them: another of its vCPUs does it at the worst moment. Whatever is
// read twice can be checked as one thing and used as another. So no hypercall of the script reads a byte of its arguments
// twice in one go. (The story `hostile` provokes it from two vCPUs.)
#include "script.hpp"

namespace rf::injection_tests {
namespace {

using injection::control;
using injection::Piece;

/// Two readings that have a byte in common, as text; empty if there are none.
std::string overlap(std::vector<Piece> reads)
{
    std::ranges::sort(reads, {}, &Piece::first);
    for (std::size_t i = 1; i < reads.size(); ++i)
        if (reads[i].first < reads[i - 1].first + reads[i - 1].bytes)
            return std::to_string(reads[i].bytes) + " bytes at " + std::to_string(reads[i].first - control.guest.first) + " of the arena";
    return {};
}

TEST(SecondFetch, NoHypercallReadsItsArgumentsTwice)
{
    unsigned readings = 0;
    for (Case const& each : cases()) {
        auto scene = std::make_unique<Scene>();
        each.prepare(*scene);
        std::string found;
        scene->before_call = [&] {
            control = {.watch = injection::Watch::nothing, .steps = 0, .fail_at = 0, .failed = {}, .guest = scene->arena(), .reads = {}, .nowhere = {}, .tried = {}};
        };
        scene->after_call = [&] {
            if (found.empty())
                found = overlap(control.reads);
            readings += static_cast<unsigned>(control.reads.size());
        };
        EXPECT_TRUE(each.act(*scene)) << each.name;
        control = {};
        EXPECT_EQ(found, "") << each.name << " reads its arguments twice";
    }
    EXPECT_GT(readings, 300u) << "the script reads less than it did";
}

} // namespace
} // namespace rf::injection_tests
