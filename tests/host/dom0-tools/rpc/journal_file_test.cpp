// SPDX-License-Identifier: MIT
/// Story: the journal file through crashes: cut at any byte it still opens and gives whole batches only; a journal of another
/// boot is not believed; two stores cannot write to one.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "rpc/journal_file.hpp"

namespace rf::rpc {
namespace {

class JournalFileTest : public ::testing::Test {
protected:
    void SetUp() override { std::filesystem::remove_all(directory); }
    void TearDown() override { std::filesystem::remove_all(directory); }

    [[nodiscard]] std::vector<std::string> load(const std::string& boot) const
    {
        auto journal = JournalFile::open(directory, boot);
        EXPECT_TRUE(journal);
        return journal->load().value();
    }

    const std::string directory = std::filesystem::temp_directory_path() / ("rf-journal-" + std::to_string(::getpid())) / "a";
    const std::string path = directory + "/store.journal";
};

TEST_F(JournalFileTest, KeepsBatchesOfThisBootOnly)
{
    {
        auto journal = JournalFile::open(directory, "boot-1");
        ASSERT_TRUE(journal) << journal.error().text();
        EXPECT_TRUE(journal->load()->empty());
        ASSERT_TRUE(journal->replace("snapshot"));
        ASSERT_TRUE(journal->append("one"));
        ASSERT_TRUE(journal->append("two"));
    }
    EXPECT_EQ(load("boot-1"), (std::vector<std::string>{"snapshot", "one", "two"}));
    EXPECT_TRUE(load("boot-2").empty());
}

TEST_F(JournalFileTest, ACutTailLosesOnlyTheLastBatch)
{
    std::vector<std::size_t> ends;
    {
        auto journal = JournalFile::open(directory, "b");
        ASSERT_TRUE(journal->replace("s"));
        ends.push_back(std::filesystem::file_size(path));
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE(journal->append(std::string(static_cast<std::size_t>(10 + i), 'x')));
            ends.push_back(std::filesystem::file_size(path));
        }
    }
    for (std::size_t length = ends.back(); length > ends.front(); --length) {
        std::filesystem::resize_file(path, length);
        std::size_t whole = 0;
        while (whole < ends.size() && ends[whole] <= length)
            ++whole;
        EXPECT_EQ(load("b").size(), whole) << length;
    }
}

TEST_F(JournalFileTest, OneStoreAtATime)
{
    auto first = JournalFile::open(directory, "b");
    ASSERT_TRUE(first);
    const auto second = JournalFile::open(directory, "b");
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().text().find("another store"), std::string::npos);
}

TEST_F(JournalFileTest, GrowthCallsForASnapshot)
{
    auto journal = JournalFile::open(directory, "b");
    ASSERT_TRUE(journal->replace("s"));
    const std::string batch(100 * 1024, 'x');
    int appended = 0;
    while (!journal->has_grown() && appended < 100) {
        ASSERT_TRUE(journal->append(batch));
        ++appended;
    }
    EXPECT_LT(appended, 15);
    ASSERT_TRUE(journal->replace("s"));
    EXPECT_FALSE(journal->has_grown());
    EXPECT_LT(std::filesystem::file_size(path), 100u);
}

TEST_F(JournalFileTest, AnImpossiblePlaceIsAnError)
{
    const auto journal = JournalFile::open("/proc/nowhere", "b");
    ASSERT_FALSE(journal);
    EXPECT_NE(journal.error().text().find("/proc/nowhere"), std::string::npos);
}

}  // namespace
}  // namespace rf::rpc
