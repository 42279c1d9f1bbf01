// SPDX-License-Identifier: MIT
// What can fail does fail, once, everywhere: in each hypercall of the script the first allocation fails, then the second, and so
// on, and then each copy from or to the guest. Whoever called sees an error, not a success; the audit finds every reference
// accounted for; and when the domains are gone, as many frames are free as before they came.
#include "script.hpp"

#include <set>

namespace rf::injection_tests {
namespace {

using injection::control;
using injection::Watch;

class Failure : public testing::TestWithParam<Watch> {
protected:
    struct Outcome {
        bool success = false;
        unsigned steps = 0;
        std::string failed;
    };
    /// Plays one case on a fresh machine; the `fail_at`-th step of the watched kind fails.
    static Outcome play(Case const& each, Watch watch, unsigned fail_at)
    {
        auto scene = std::make_unique<Scene>();
        each.prepare(*scene);
        control = {.watch = watch, .steps = 0, .fail_at = fail_at, .failed = {}, .guest = {}, .reads = {}, .nowhere = {}, .tried = {}};
        Outcome outcome;
        outcome.success = each.act(*scene);
        control.watch = Watch::nothing;
        outcome.steps = control.steps;
        outcome.failed = control.failed;
        scene->audit_is_clean("after the case");
        scene.reset();
        return outcome;
    }
    /// Function and file of a caller.
    static std::string short_name(std::string const& failed)
    {
        auto const file = failed.rfind("hypervisor/");
        return failed.substr(0, failed.find('(')) + " in " + (file == std::string::npos ? "?" : failed.substr(file, failed.find(':', file) - file));
    }
};

TEST_P(Failure, OfEachStepIsAnErrorAndLeavesNothing)
{
    Watch const watch = GetParam();
    std::set<std::string> names;
    unsigned failures = 0;
    for (Case const& each : cases()) {
        Outcome const well = play(each, watch, 0); // also: the heap has cut up what it needs
        ASSERT_TRUE(well.success) << each.name;
        std::uint64_t const free = mm::allocator.free_frames();
        // Until nothing is left to fail. How many steps there are depends a little on how the heap's frames are cut.
        for (unsigned step = 1;; ++step) {
            ASSERT_LE(step, 2 * well.steps + 1) << each.name;
            Outcome const outcome = play(each, watch, step);
            if (outcome.failed.empty()) {
                EXPECT_TRUE(outcome.success) << each.name;
                break;
            }
            EXPECT_FALSE(outcome.success) << each.name << ", step " << step << ": nobody heard of the failure in " << outcome.failed;
            EXPECT_EQ(mm::allocator.free_frames(), free) << each.name << ", step " << step << ": frames are lost after " << outcome.failed;
            ASSERT_FALSE(HasFailure()) << each.name << ", step " << step << ": " << outcome.failed;
            names.insert(short_name(outcome.failed));
            ++failures;
        }
    }
    std::printf("%u failures at:\n", failures);
    for (std::string const& name : names)
        std::printf("    %s\n", name.c_str());
    EXPECT_GE(failures, watch == Watch::allocations ? 60u : 650u) << "the script does less than it did";
    EXPECT_GE(names.size(), watch == Watch::allocations ? 8u : 20u) << "the script reaches less than it did";
}

INSTANTIATE_TEST_SUITE_P(, Failure, testing::Values(Watch::allocations, Watch::copies),
                         [](auto const& each) { return each.param == Watch::allocations ? "Allocations" : "Copies"; });

} // namespace
} // namespace rf::injection_tests
