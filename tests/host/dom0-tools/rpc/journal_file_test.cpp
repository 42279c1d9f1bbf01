// SPDX-License-Identifier: MIT
/// Story: the journal file through crashes: cut at any byte it still opens and gives whole batches only; killed at any moment it
/// holds what was appended; a full file system is an error and no signal; a journal of another boot is not believed; two stores
/// cannot write to one.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc/journal_file.hpp"
#include "store/journal.hpp"

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

    /// Bytes of the file up to the end of its last batch.
    [[nodiscard]] std::size_t sound_bytes() const
    {
        std::ifstream file(path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        store::JournalReader reader(bytes);
        while (reader.next()) {
        }
        return reader.sound_bytes();
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
        ends.push_back(sound_bytes());
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE(journal->append(std::string(static_cast<std::size_t>(10 + i), 'x')));
            ends.push_back(sound_bytes());
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
    EXPECT_LT(sound_bytes(), 100u);
    EXPECT_LT(std::filesystem::file_size(path), 512u * 1024);  // with the room for more
}

/// The n-th batch: of any length, some longer than what is reserved at a time, and different from its neighbours.
std::string batch(unsigned n)
{
    return std::to_string(n) + std::string(n % 50 == 7 ? 300'000 : n * 37 % 3000, static_cast<char>('a' + n % 26));
}

TEST_F(JournalFileTest, BatchesCrossWhatIsReservedAtATime)
{
    auto journal = JournalFile::open(directory, "b");
    ASSERT_TRUE(journal->replace("s"));
    std::vector<std::string> expected{"s"};
    for (unsigned n = 0; n < 120; ++n) {
        expected.push_back(batch(n));
        ASSERT_TRUE(journal->append(expected.back()));
    }
    const std::string other = directory + "/copy";  // the lock is ours
    std::filesystem::create_directories(other);
    std::filesystem::copy_file(path, other + "/store.journal");
    EXPECT_EQ(JournalFile::open(other, "b")->load().value(), expected);
}

TEST_F(JournalFileTest, KilledAtAnyMomentItHoldsWhatWasAppended)
{
    struct Told {
        unsigned batch;
        char filler[4092];  // so that the pipe holds one: the child is never far ahead
    };
    for (int life = 0; life < 8; ++life) {
        std::filesystem::remove_all(directory);
        int told[2];
        ASSERT_EQ(::pipe(told), 0);
        ASSERT_EQ(::fcntl(told[1], F_SETPIPE_SZ, sizeof(Told)), static_cast<int>(sizeof(Told)));
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto journal = JournalFile::open(directory, "b");
            if (!journal || !journal->replace("s"))
                ::_exit(1);
            for (Told now{};; ++now.batch)
                if (!journal->append(batch(now.batch)) || ::write(told[1], &now, sizeof now) != sizeof now)
                    ::_exit(2);
        }
        ::close(told[1]);
        Told last{};
        for (int appended = 0; appended <= life * 7; ++appended)
            ASSERT_EQ(::read(told[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status)) << status;
        while (::read(told[0], &last, sizeof last) == sizeof last) {
        }
        ::close(told[0]);
        const std::vector<std::string> batches = load("b");
        // All that it told of, and perhaps one more.
        ASSERT_GE(batches.size(), last.batch + 2);
        ASSERT_LE(batches.size(), last.batch + 3);
        for (unsigned n = 0; n + 1 < batches.size(); ++n)
            ASSERT_EQ(batches[n + 1], batch(n));
    }
}

TEST_F(JournalFileTest, AFullFileSystemIsAnErrorAndLeavesWhatWasThere)
{
    auto journal = JournalFile::open(directory, "b");
    ASSERT_TRUE(journal->replace("s"));
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{std::filesystem::file_size(path), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    std::vector<std::string> expected{"s"};
    const std::string part(1000, 'x');
    xen::Result<void> appended;
    while ((appended = journal->append(part)))
        expected.push_back(part);
    EXPECT_GT(expected.size(), 200u);  // what was reserved is there to be used
    EXPECT_NE(appended.error().text().find(path), std::string::npos);
    EXPECT_FALSE(journal->replace(std::string(full.rlim_cur, 'y')));
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    expected.push_back("later");
    ASSERT_TRUE(journal->append("later"));
    { const auto closed = std::move(*journal); }
    EXPECT_EQ(load("b"), expected);
}

TEST_F(JournalFileTest, AnImpossiblePlaceIsAnError)
{
    const auto journal = JournalFile::open("/proc/nowhere", "b");
    ASSERT_FALSE(journal);
    EXPECT_NE(journal.error().text().find("/proc/nowhere"), std::string::npos);
}

}  // namespace
}  // namespace rf::rpc
