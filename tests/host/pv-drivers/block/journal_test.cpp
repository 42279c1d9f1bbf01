// SPDX-License-Identifier: MIT
// Story: the backend is killed between any two of its stores.
//
// A model writes the journal through an unusual memory: a private copy is taken after every single step of the protocol, as
// if the process had died right there. From each copy a successor must find exactly the requests whose answers the frontend
// has not been shown.
#include "block/journal.hpp"

#include <array>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <type_traits>

#include <gtest/gtest.h>

namespace rf {
namespace {

using namespace rf::block;

constexpr std::uint32_t entries = 32;

RawRequest request(std::uint64_t id)
{
    RawRequest raw{};
    raw.id = id;
    return raw;
}

class Journal : public testing::Test {
protected:
    std::vector<std::byte> memory = std::vector<std::byte>(QueueJournal::bytes(entries));
    QueueJournal journal{memory};

    /// Ids of what a successor would carry out.
    std::multiset<std::uint64_t> left()
    {
        std::vector<std::byte> copy = memory;
        const auto found = QueueJournal(copy).recover(entries);
        EXPECT_TRUE(found);
        std::multiset<std::uint64_t> ids;
        if (found)
            for (const auto& saved : found->requests)
                ids.insert(saved.raw.id);
        return ids;
    }
};

// A request has several layouts; what is padding of one is content of another. Compilers leave padding out of copies when they
// optimize, so nothing may be padding.
TEST_F(Journal, KeepsEveryByteOfARequest)
{
    EXPECT_TRUE(std::has_unique_object_representations_v<RawRequest>);
    std::array<unsigned char, sizeof(RawRequest)> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<unsigned char>(i + 1);
    RawRequest raw;
    std::memcpy(&raw, bytes.data(), sizeof raw);
    journal.reset(entries, 0);
    journal.take(5, 0, raw);
    const auto found = journal.recover(entries);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->requests.size(), 1u);
    const auto kept = found->requests;
    EXPECT_EQ(std::memcmp(&kept[0].raw, bytes.data(), bytes.size()), 0);
}

TEST_F(Journal, LeavesExactlyTheUnanswered)
{
    std::mt19937 random(7);
    for (const std::uint32_t start : {0u, 0xfffffff0u}) {
        journal.reset(entries, start);
        std::uint32_t req_cons = start, rsp_prod = start;
        std::uint64_t next_id = 1;
        std::vector<std::uint32_t> free;
        for (std::uint32_t i = 0; i < entries; ++i)
            free.push_back(i);
        std::map<std::uint32_t, std::uint64_t> under_way;      // entry -> id
        std::map<std::uint32_t, std::uint64_t> answered_hidden;
        for (int step = 0; step < 20000; ++step) {
            const unsigned choice = random() % 8;
            if (choice < 4 && !free.empty()) {
                const std::uint32_t entry = free.back();
                free.pop_back();
                journal.take(entry, req_cons++, request(next_id));
                under_way[entry] = next_id++;
            } else if (choice < 7 && !under_way.empty()) {
                auto chosen = std::next(under_way.begin(), static_cast<long>(random() % under_way.size()));
                journal.answer(chosen->first, rsp_prod++);
                answered_hidden.insert(*chosen);
                under_way.erase(chosen);
            } else if (choice == 7) {
                journal.publish(rsp_prod);
                for (const auto& [entry, id] : answered_hidden)
                    free.push_back(entry);
                answered_hidden.clear();
            }
            std::multiset<std::uint64_t> expected;
            for (const auto& [entry, id] : under_way)
                expected.insert(id);
            for (const auto& [entry, id] : answered_hidden)
                expected.insert(id);
            ASSERT_EQ(left(), expected) << "after step " << step;
        }
    }
}

TEST_F(Journal, EntryCountsOnlyOnceTheIndexHasMoved)
{
    // Dying inside `take`: the entry is written, the index is not. Restoring the old head gives that moment.
    journal.reset(entries, 5);
    journal.take(0, 5, request(1));
    const std::vector<std::byte> head(memory.begin(), memory.begin() + 64);
    journal.take(1, 6, request(2));
    std::copy(head.begin(), head.end(), memory.begin());
    EXPECT_EQ(left(), (std::multiset<std::uint64_t>{1})) << "the second request is still in the ring";
}

TEST_F(Journal, RefusesNonsense)
{
    journal.reset(entries, 0);
    EXPECT_FALSE(journal.recover(64)) << "of another ring";
    journal.take(0, 0, request(1));
    auto copy = memory;
    copy[4] = std::byte{200};
    EXPECT_FALSE(QueueJournal(copy).recover(entries)) << "more unanswered than entries";
    copy = memory;
    copy[4] = std::byte{2};
    EXPECT_FALSE(QueueJournal(copy).recover(entries)) << "a request without an entry";
    std::vector<std::byte> empty(QueueJournal::bytes(entries));
    EXPECT_FALSE(QueueJournal(empty).recover(entries)) << "a journal that nobody began";
}

}  // namespace
}  // namespace rf
