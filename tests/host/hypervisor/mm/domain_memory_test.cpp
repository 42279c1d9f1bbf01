// SPDX-License-Identifier: MIT
// Teardown walks over a domain's frames while others let go of theirs: what a backend unmaps is freed on its processor, and
// may be another domain's before the walk has looked at it. Meant to run under the thread sanitizer, too.
#include "../event/machine.hpp"
#include "cpu/current.hpp"
#include "hypercall/memory_trade.hpp"

#include <array>
#include <set>
#include <thread>
#include <vector>

namespace rf::mm_tests {
namespace {

using testing_machine::Owner;

/// What a walk over all of a domain's frames meets, in pieces of so many units.
std::set<Mfn> met_by_walk(Owner& owner, std::uint32_t units = ~0u)
{
    std::set<Mfn> met;
    Mfn place{0};
    Budget budget{units};
    while (true) {
        auto const mfn = owner.memory.visit_next(place, budget);
        if (mfn) {
            EXPECT_TRUE(met.insert(*mfn).second) << "frame " << mfn->value << " comes twice";
            mm::drop_reference(*mfn);
        } else if (mfn.error() == Errno::enoent) {
            return met;
        } else {
            EXPECT_EQ(mfn.error(), Errno::eagain);
            budget = Budget{units};
        }
    }
}

TEST(DomainMemory, AWalkMeetsEachFrameOnceHoweverItIsCutUp)
{
    Owner owner(DomainId{34}), other(DomainId{35});
    std::set<Mfn> mine;
    for (unsigned order : {0u, 9u, 3u, 0u, 10u, 0u}) {
        (void)other.frame();
        auto const first = owner.memory.allocate(order);
        ASSERT_TRUE(first);
        for (std::uint64_t i = 0; i < 1ull << order; ++i)
            mine.insert(*first + i);
    }
    EXPECT_EQ(owner.memory.owned(), mine.size());
    for (std::uint32_t units : {1u, 2u, 7u, 1000u})
        EXPECT_EQ(met_by_walk(owner, units), mine) << units;
    for (Mfn const mfn : {*mine.begin(), *mine.rbegin()}) {
        ASSERT_TRUE(owner.memory.give_up(mfn));
        mine.erase(mfn);
    }
    EXPECT_EQ(met_by_walk(owner, 3), mine);
    Mfn place{0};
    Budget none{0};
    EXPECT_EQ(owner.memory.visit_next(place, none).error(), Errno::eagain);
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
        Mfn place{0};
        while (!finished) {
            Budget plenty{~0u};
            if (auto const mfn = dying.memory.visit_next(place, plenty)) {
                ASSERT_EQ(mm::frames[*mfn].owner_id(), dying.memory.id());
                ++met;
                mm::drop_reference(*mfn);
            } else {
                place = Mfn{0};
            }
        }
    }
    EXPECT_GT(met, 0u);
    EXPECT_EQ(met_by_walk(dying), stay);
    EXPECT_EQ(met_by_walk(next), stay_next);
}

/// Two processors grow a domain by large extents, in small pieces; each disturbs the other. Nothing is lost, nothing comes twice.
TEST(DomainMemory, TwoProcessorsTradeAtOnce)
{
    testing_machine::ensure();
    Owner owner(DomainId{33});
    mm::DomainMemory& memory = owner.memory;
    constexpr unsigned order = 5, extents = 40;
    std::array<std::vector<Mfn>, 2> got;
    auto const grow = [&](unsigned which) {
        cpu::fake_cpu = which;
        for (unsigned i = 0; i < extents; ++i) {
            mm::TradeDesk::Ticket ticket;
            Mfn first = invalid_mfn;
            auto const tell = [&](mm::FrameTrade& trade) -> Status {
                first = Mfn{trade.found()[0]};
                return {};
            };
            auto const fill = [](mm::FrameTrade& trade) -> Status {
                trade.numbers()[0] = ~0ull;
                return {};
            };
            while (true) {
                Budget budget{40};
                auto const progress = hypercall::memory::carry_on(memory, {.wanted_count = 1, .wanted_order = order}, ticket, budget, fill, tell);
                ASSERT_TRUE(progress);
                if (*progress == Progress::done)
                    break;
                std::this_thread::yield();
            }
            got[which].push_back(first);
        }
    };
    {
        std::jthread const one([&] { grow(0); }), two([&] { grow(1); });
    }
    cpu::fake_cpu = 0;
    EXPECT_EQ(memory.pages(), 2 * extents << order);
    EXPECT_EQ(memory.under_way(), 0u);
    std::set<Mfn> all;
    for (auto const& list : got)
        for (Mfn const first : list)
            for (unsigned i = 0; i < 1u << order; ++i) {
                EXPECT_TRUE(all.insert(first + i).second);
                EXPECT_TRUE(memory.give_up(first + i));
            }
    EXPECT_EQ(memory.pages(), 0u);
}

} // namespace
} // namespace rf::mm_tests
