// SPDX-License-Identifier: MIT
// Large extents and exchanges are made in pieces. Between two of them the guest may do anything: never come back, ask for something
// else on another processor, die. It must never reach a frame that still holds what its former owner left there, no segment may
// be long, and in the end every frame is somebody's.
#include "world.hpp"

#include <algorithm>
#include <functional>

namespace rf::hypercall_tests {
namespace {

constexpr std::uint64_t large = 512;

class MemoryTrade : public World {
protected:
    MemoryTrade()
    {
        caller = guest;
        leave_traces();
    }

    /// A former owner's words in all free memory of blocks of 2 MiB and more.
    static void leave_traces()
    {
        std::vector<Mfn> blocks;
        while (auto const block = mm::allocator.allocate(9, mm::Contents::anything)) {
            std::memset(direct(*block), 0xee, large * page_size);
            blocks.push_back(*block);
        }
        ASSERT_GT(blocks.size(), 8u);
        for (Mfn const block : blocks)
            mm::allocator.release(block, 9);
    }
    static bool is_clean(std::uint64_t mfn)
    {
        auto const* words = direct_as<std::uint64_t>(Mfn{mfn});
        return std::all_of(words, words + page_size / 8, [](std::uint64_t word) { return word == 0; });
    }
    static std::uint64_t clean_frames()
    {
        std::uint64_t count = 0;
        for (std::uint64_t mfn = 512; mfn < testing_machine::machine_frames; ++mfn)
            count += is_clean(mfn);
        return count;
    }
    /// Whatever a domain owns it can reach; but for shared_info none of it was written to.
    static void expect_clean_where_reachable(DomainId id)
    {
        for (std::uint64_t mfn = 512; mfn < testing_machine::machine_frames; ++mfn)
            if (mm::Frame const& frame = mm::frames[Mfn{mfn}]; frame.owner_id() == id && frame.load().references() != 0 && frame.load().type() != mm::FrameType::shared) {
                ASSERT_TRUE(is_clean(mfn)) << "frame " << mfn << " is the guest's and holds what somebody left there";
            }
    }

    /// A call of `caller` that is made segment by segment.
    struct Started {
        hypercall::Arguments arguments;
        std::int64_t result = 0;
        bool ended = false;
    };
    static Started start(std::uint32_t command, void const* argument) { return {{command, address(argument)}}; }
    void step(Started& call)
    {
        auto const outcome = once(hypercall::memory_op, call.arguments);
        call.ended = !outcome.is_again();
        call.result = call.ended ? outcome.result() : 0;
        call.arguments = outcome.next_arguments();
    }
    std::int64_t finish(Started& call, std::function<void()> const& between = [] {})
    {
        for (unsigned done = 0; !call.ended; ++done) {
            step(call);
            between();
            EXPECT_LT(done, 2000u) << "it never ends";
            if (done >= 2000)
                break;
        }
        return call.result;
    }
    static xen::xen_memory_exchange trade(std::vector<std::uint64_t>& given, std::uint32_t given_order,
                                          std::vector<std::uint64_t>& wanted, std::uint32_t wanted_order)
    {
        return {.in = extents(given, given_order, domid_self), .out = extents(wanted, wanted_order, domid_self), .nr_exchanged = 0};
    }
    static std::vector<std::uint64_t> numbers_from(std::uint64_t first, std::uint64_t count)
    {
        std::vector<std::uint64_t> numbers(count);
        for (std::uint64_t i = 0; i < count; ++i)
            numbers[i] = first + i;
        return numbers;
    }
};

TEST_F(MemoryTrade, NoSegmentCleansMuchAndNothingDirtyIsReachable)
{
    std::vector<std::uint64_t> list{0x1000};
    auto const request = extents(list, 9, domid_self);
    auto call = start(xen::XENMEM_populate_physmap, &request);
    std::uint64_t before = clean_frames();
    EXPECT_EQ(finish(call, [&] {
        expect_clean_where_reachable(guest_id);
        std::uint64_t const now = clean_frames();
        EXPECT_LE(now - before, 56u) << "too much for one segment";
        before = now;
    }), 1);
    EXPECT_EQ(guest->memory.pages(), large);
    EXPECT_EQ(guest->memory.under_way(), 0u);
    for (std::uint64_t i = 0; i < large; ++i) {
        EXPECT_EQ(mm::frames[Mfn{list[0] + i}].owner_id(), guest_id);
        EXPECT_EQ(mm::m2p(Mfn{list[0] + i}).value, 0x1000 + i);
    }
}

TEST_F(MemoryTrade, TheLargestExtentsAreMadeInPiecesToo)
{
    caller = control;
    std::vector<std::uint64_t> list{0};
    auto const request = extents(list, 12, guest_id);
    auto call = start(xen::XENMEM_increase_reservation, &request);
    unsigned count = 0;
    EXPECT_EQ(finish(call, [&] { ++count; }), 1);
    EXPECT_GT(count, 4096u / 56);
    EXPECT_EQ(guest->memory.pages(), 4096u);
    expect_clean_where_reachable(guest_id);
    EXPECT_FALSE(mm::m2p(Mfn{list[0] + 7}).valid());
    auto back = start(xen::XENMEM_decrease_reservation, &request);
    count = 0;
    EXPECT_EQ(finish(back, [&] { ++count; }), 1);
    EXPECT_GT(count, 16u) << "giving up is work, too";
    EXPECT_EQ(guest->memory.pages(), 0u);
}

TEST_F(MemoryTrade, WhatIsNeverFinishedIsChargedAndGoesWithTheDomain)
{
    domain::Domain* const other = make(DomainId{10}, domain::Role::guest);
    caller = other;
    other->memory.set_limit(600);
    std::uint64_t const free = mm::allocator.free_frames();
    std::vector<std::uint64_t> list{0x1000}, more(200);
    auto const request = extents(list, 9, domid_self);
    auto call = start(xen::XENMEM_populate_physmap, &request);
    step(call);
    EXPECT_FALSE(call.ended);
    EXPECT_EQ(other->memory.pages(), large);
    EXPECT_LE(mm::allocator.free_frames(), free - large) << "the extent is the hypervisor's";
    auto const singles = extents(more, 0, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &singles), 88) << "up to the limit";
    destroy(*other);
    domain::reap();
    EXPECT_FALSE(domain::find(DomainId{10}));
    EXPECT_GE(mm::allocator.free_frames(), free);
}

TEST_F(MemoryTrade, AForsakenExtentIsGivenUpAndItsCallBeginsAnew)
{
    std::vector<std::uint64_t> first{0x1000}, second{0x2000};
    auto const one = extents(first, 9, domid_self), two = extents(second, 9, domid_self);
    auto forsaken = start(xen::XENMEM_populate_physmap, &one), other = start(xen::XENMEM_populate_physmap, &two);
    step(forsaken);
    step(other);
    EXPECT_FALSE(other.ended) << "the first one is not disturbed at once";
    step(forsaken);
    EXPECT_EQ(finish(other), 1);
    EXPECT_EQ(guest->memory.pages(), large);
    EXPECT_EQ(first[0], 0x1000u) << "told nothing";
    EXPECT_EQ(finish(forsaken), 1);
    EXPECT_EQ(guest->memory.pages(), 2 * large);
    EXPECT_EQ(mm::m2p(Mfn{first[0]}).value, 0x1000u);
    EXPECT_EQ(mm::m2p(Mfn{second[0]}).value, 0x2000u);
}

TEST_F(MemoryTrade, WhatWasToldIsFinishedByOthersAndNotRepeated)
{
    std::vector<std::uint64_t> first{0x1000}, second{0x2000};
    auto const one = extents(first, 9, domid_self), two = extents(second, 9, domid_self);
    auto told = start(xen::XENMEM_populate_physmap, &one), other = start(xen::XENMEM_populate_physmap, &two);
    while (first[0] == 0x1000 && !told.ended)
        step(told);
    ASSERT_FALSE(told.ended) << "the extent becomes the domain's in pieces";
    EXPECT_EQ(finish(other), 1);
    std::uint64_t const mfn = first[0];
    EXPECT_EQ(finish(told), 1);
    EXPECT_EQ(first[0], mfn);
    EXPECT_EQ(mm::m2p(Mfn{mfn + 511}).value, 0x1000u + 511);
    EXPECT_EQ(guest->memory.pages(), 2 * large);
}

TEST_F(MemoryTrade, ExchangesAreMadeInPiecesThereAndBack)
{
    caller = control;
    auto frames = populate(*guest, large, 0x5000);
    caller = guest;
    guest->memory.set_limit(large);
    std::vector<std::uint64_t> block{0x5000};
    auto request = trade(frames, 0, block, 9);
    auto there = start(xen::XENMEM_exchange, &request);
    unsigned count = 0;
    EXPECT_EQ(finish(there, [&] {
        ++count;
        expect_clean_where_reachable(guest_id);
    }), 0);
    EXPECT_GT(count, 10u);
    EXPECT_EQ(request.nr_exchanged, large);
    EXPECT_EQ(guest->memory.pages(), large);
    leave_traces();
    auto singles = numbers_from(0x5000, large);
    auto opposite = trade(block, 9, singles, 0);
    auto back = start(xen::XENMEM_exchange, &opposite);
    EXPECT_EQ(finish(back, [&] { expect_clean_where_reachable(guest_id); }), 0);
    EXPECT_EQ(opposite.nr_exchanged, 1u);
    EXPECT_EQ(guest->memory.pages(), large);
    EXPECT_EQ(guest->memory.under_way(), 0u);
    for (std::uint64_t i = 0; i < large; ++i) {
        EXPECT_EQ(mm::frames[Mfn{singles[i]}].owner_id(), guest_id);
        EXPECT_EQ(mm::m2p(Mfn{singles[i]}).value, 0x5000 + i);
    }
}

TEST_F(MemoryTrade, ARefusedExchangeGivesEverythingBack)
{
    caller = control;
    auto frames = populate(*guest, large, 0x5000);
    caller = guest;
    std::vector<std::uint64_t> block{0x5000};
    auto request = trade(frames, 0, block, 9);
    std::uint64_t const free = mm::allocator.free_frames(), owned = guest->memory.owned();
    ASSERT_TRUE(mm::take_reference(Mfn{frames[500]}, guest_id)); // a mapping
    auto call = start(xen::XENMEM_exchange, &request);
    EXPECT_EQ(finish(call), to_guest(Errno::einval));
    mm::drop_reference(Mfn{frames[500]});
    EXPECT_EQ(request.nr_exchanged, 0u);
    EXPECT_GE(mm::allocator.free_frames() + 8, free) << "but for what the heap has cut up";
    EXPECT_EQ(guest->memory.pages(), large);
    EXPECT_EQ(guest->memory.owned(), owned);
    EXPECT_EQ(guest->memory.under_way(), 0u);
    for (std::uint64_t i = 0; i < large; ++i) {
        EXPECT_EQ(mm::frames[Mfn{frames[i]}].owner_id(), guest_id);
        EXPECT_EQ(mm::frames[Mfn{frames[i]}].load().references(), 1u);
        EXPECT_EQ(mm::m2p(Mfn{frames[i]}).value, 0x5000 + i);
    }
}

TEST_F(MemoryTrade, ADeathAtAnyMomentOfAnExchangeLosesNothing)
{
    for (unsigned steps = 1;; ++steps) {
        std::uint64_t const free = mm::allocator.free_frames();
        domain::Domain* const other = make(DomainId{10}, domain::Role::guest);
        caller = control;
        auto frames = populate(*other, 64, 0x5000);
        caller = other;
        std::vector<std::uint64_t> block{0x5000};
        auto request = trade(frames, 0, block, 6);
        auto call = start(xen::XENMEM_exchange, &request);
        for (unsigned i = 0; i < steps && !call.ended; ++i)
            step(call);
        caller = guest;
        destroy(*other);
        domain::reap();
        ASSERT_FALSE(domain::find(DomainId{10})) << "after " << steps << " segments";
        ASSERT_GE(mm::allocator.free_frames() + (steps == 1 ? 64 : 0), free) << "after " << steps << " segments";
        if (call.ended)
            break;
        ASSERT_LT(steps, 100u);
    }
}

TEST(Allocator, FindsANarrowAddressHoweverManyWideOnesAreFree)
{
    testing_machine::ensure();
    std::vector<Mfn> all;
    while (auto const frame = mm::allocator.allocate(0, mm::Contents::anything))
        all.push_back(*frame);
    std::ranges::sort(all);
    std::vector<Mfn> kept;
    for (Mfn const mfn : all) // every other one: nothing joins; the narrow ones first, so that they come last on their list
        if (mfn.value % 2 == 0)
            mm::allocator.release(mfn, 0);
        else
            kept.push_back(mfn);
    constexpr unsigned bits = 22; // 4 MiB
    auto const narrow = mm::allocator.allocate(0, mm::Contents::anything, bits);
    ASSERT_TRUE(narrow);
    EXPECT_LT(narrow->value, 1ull << (bits - page_shift));
    auto const wide = mm::allocator.allocate(0, mm::Contents::anything);
    ASSERT_TRUE(wide);
    EXPECT_GE(wide->value, testing_machine::machine_frames / 2) << "narrow addresses are for those who need them";
    for (Mfn const mfn : kept)
        mm::allocator.release(mfn, 0);
    mm::allocator.release(*narrow, 0);
    mm::allocator.release(*wide, 0);
}

} // namespace
} // namespace rf::hypercall_tests
