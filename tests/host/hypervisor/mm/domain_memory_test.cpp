// SPDX-License-Identifier: MIT
// Teardown walks over a domain's frames while others let go of theirs: what a backend unmaps is freed on its processor, and
// may be another domain's before the walk has looked at it. Meant to run under the thread sanitizer, too.
#include "../event/machine.hpp"

#include <set>
#include <thread>

namespace rf::mm_tests {
namespace {

using testing_machine::Owner;

/// What a walk over all of the list meets.
std::set<Mfn> on_list(Owner& owner)
{
    std::set<Mfn> met;
    for (std::uint64_t left = owner.memory.listed(); left > 0; --left)
        if (auto const mfn = owner.memory.visit_first()) {
            EXPECT_TRUE(met.insert(*mfn).second) << "frame " << mfn->value << " is on the list twice";
            mm::drop_reference(*mfn);
        }
    return met;
}

TEST(DomainMemory, ItsWalkMeetsFramesThatOthersFree)
{
    Owner dying(DomainId{31}), next(DomainId{32});
    std::set<Mfn> const stay{dying.frame(), dying.frame()}, stay_next{next.frame(), next.frame()};
    std::atomic<bool> finished = false;
    std::uint64_t met = 0;
    {
        std::jthread const others([&] {
            for (unsigned i = 0; i < 30'000; ++i) {
                Mfn const frame = dying.frame();
                EXPECT_TRUE(dying.memory.give_up(frame));
                Mfn const again = next.frame(); // the same one, mostly
                EXPECT_TRUE(next.memory.give_up(again));
            }
            finished = true;
        });
        while (!finished)
            if (auto const mfn = dying.memory.visit_first()) {
                ASSERT_EQ(mm::frames[*mfn].owner_id(), dying.memory.id());
                ++met;
                mm::drop_reference(*mfn);
            }
    }
    EXPECT_GT(met, 0u);
    EXPECT_EQ(on_list(dying), stay);
    EXPECT_EQ(on_list(next), stay_next);
}

} // namespace
} // namespace rf::mm_tests
