// SPDX-License-Identifier: MIT
// What the hypervisor keeps for a domain is charged to it: nothing is taken above the limit, a failure charges nothing, and
// whatever is given back is refunded in the very amount.
#include "../event/machine.hpp"
#include "mm/account.hpp"
#include "mm/heap.hpp"

#include <thread>

namespace rf::mm_tests {
namespace {

TEST(Account, NobodyGetsMoreThanHisLimit)
{
    testing_machine::ensure();
    mm::Account account;
    account.set_limit(page_size + 64);
    auto const frame = account.allocate_frame();
    ASSERT_TRUE(frame);
    std::uint64_t const free = mm::allocator.free_frames();
    EXPECT_FALSE(account.allocate_frame());
    EXPECT_EQ(account.allocate(65), nullptr) << "takes 128 bytes of the heap";
    EXPECT_EQ(mm::allocator.free_frames(), free);
    EXPECT_EQ(account.used(), page_size);
    void* const piece = account.allocate(33);
    ASSERT_NE(piece, nullptr);
    EXPECT_EQ(account.used(), page_size + 64);
    EXPECT_EQ(account.allocate(1), nullptr);
    account.release(piece, 33);
    account.release_frame(*frame);
    EXPECT_EQ(account.used(), 0u);
}

TEST(Account, WhatTheMachineRefusesIsNotCharged)
{
    testing_machine::ensure();
    mm::Account account;
    EXPECT_EQ(account.allocate(page_size << 30), nullptr);
    EXPECT_EQ(account.used(), 0u);
}

TEST(Account, OwnersRefundWhatTheyTook)
{
    testing_machine::ensure();
    struct Large {
        std::byte bytes[3 * page_size + 1];
    };
    mm::Account account;
    {
        auto large = mm::Box<Large>::make_for(account).value();
        EXPECT_EQ(account.used(), 4 * page_size);
        auto list = mm::Array<std::uint64_t>::make(16, &account).value();
        EXPECT_EQ(account.used(), 4 * page_size + 128);
        mm::Array<std::uint64_t> elsewhere;
        elsewhere = std::move(list);
        large = mm::Box<Large>::make().value(); // charged to nobody; the former one goes
        EXPECT_EQ(account.used(), 128u);
        auto kept = mm::Box<Large>::make_for(account).value();
        large = mm::Box<Large>::adopt(kept.release(), &account);
        EXPECT_EQ(account.used(), 4 * page_size + 128);
    }
    EXPECT_EQ(account.used(), 0u);
}

TEST(Account, ProcessorsMayChargeAtOnce)
{
    mm::Account account;
    account.set_limit(1000);
    auto const work = [&account] {
        for (unsigned i = 0; i < 20'000; ++i)
            if (account.charge(300)) {
                EXPECT_LE(account.used(), 1000u);
                account.refund(300);
            }
    };
    {
        std::jthread const one(work), two(work);
    }
    EXPECT_EQ(account.used(), 0u);
}

} // namespace
} // namespace rf::mm_tests
