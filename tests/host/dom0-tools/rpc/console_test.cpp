// SPDX-License-Identifier: MIT
/// Story: a console must carry every byte of an honest guest, and nothing but bounded work for a hostile one: a guest that
/// floods is slowed down, its log cannot fill the disk, what nobody reads is dropped from the old end, and senseless indices
/// close only its own console.
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "rpc/console_log.hpp"
#include "rpc/console_stream.hpp"
#include "rpc/pseudo_terminal.hpp"

namespace rf::rpc {
namespace {

using namespace std::chrono_literals;
using Flow = ConsoleStream::Flow;

class ConsoleStreamTest : public ::testing::Test {
protected:
    void print(std::string_view text)
    {
        for (const char c : text)
            page.out[page.out_prod++ & (sizeof page.out - 1)] = c;
    }
    Flow take(ConsoleStream& stream)
    {
        return stream.take_output(now, [this](std::string_view bytes) { logged += bytes; });
    }

    ::xen::xencons_interface page{};
    ConsoleStream::Clock::time_point now{};
    std::string logged;
};

TEST_F(ConsoleStreamTest, OutputReachesLogAndTerminal)
{
    page.out_cons = page.out_prod = 0xfffffffe;
    ConsoleStream stream(&page, {}, now);
    EXPECT_EQ(take(stream), Flow::idle);
    print("login: ");
    EXPECT_EQ(take(stream), Flow::moved);
    EXPECT_EQ(logged, "login: ");
    EXPECT_EQ(stream.backlog(), "login: ");
    EXPECT_EQ(page.out_cons, page.out_prod);
    stream.written(3);
    EXPECT_EQ(stream.backlog(), "in: ");
}

TEST_F(ConsoleStreamTest, InputFillsTheRingAndNoMore)
{
    ConsoleStream stream(&page, {}, now);
    EXPECT_EQ(stream.input_room(), 1024u);
    EXPECT_EQ(stream.give_input(std::string(1000, 'k')), Flow::moved);
    EXPECT_EQ(stream.input_room(), 24u);
    EXPECT_EQ(page.in_prod, 1000u);
    page.in_cons = 1000;
    EXPECT_EQ(stream.input_room(), 1024u);
    page.in_cons = 5000;
    EXPECT_EQ(stream.input_room(), 0u);
}

TEST_F(ConsoleStreamTest, SenselessIndicesCloseIt)
{
    ConsoleStream stream(&page, {}, now);
    page.out_prod = 2049;
    EXPECT_EQ(take(stream), Flow::broken);
    page.out_prod = 1;
    EXPECT_EQ(take(stream), Flow::broken);
    EXPECT_EQ(stream.give_input("x"), Flow::broken);
    EXPECT_TRUE(logged.empty());
}

TEST_F(ConsoleStreamTest, AFloodIsThrottledAndRecovers)
{
    ConsoleStream stream(&page, {1 << 20, 1000, 3000}, now);
    std::size_t flooded = 0;
    for (int i = 0; i < 100; ++i) {
        print(std::string(sizeof page.out - (page.out_prod - page.out_cons), 'f'));
        if (take(stream) == Flow::throttled)
            break;
        flooded = logged.size();
    }
    EXPECT_EQ(flooded, 3000u);
    EXPECT_EQ(take(stream), Flow::throttled);
    now += 500ms;
    EXPECT_EQ(take(stream), Flow::moved);
    EXPECT_EQ(logged.size(), 3500u);
    EXPECT_EQ(take(stream), Flow::throttled);
}

TEST_F(ConsoleStreamTest, TheBacklogKeepsTheNewest)
{
    ConsoleStream stream(&page, {100, 1 << 20, 1 << 20}, now);
    std::string all;
    for (int i = 0; i < 50; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        all += line;
        print(line);
        EXPECT_EQ(take(stream), Flow::moved);
        if (i == 20)
            stream.written(30);
    }
    EXPECT_EQ(stream.backlog(), all.substr(all.size() - 100));
    EXPECT_EQ(logged, all);
    EXPECT_GT(stream.dropped(), 0u);
}

class ConsoleLogTest : public ::testing::Test {
protected:
    void SetUp() override { std::filesystem::remove_all(directory); }
    void TearDown() override { std::filesystem::remove_all(directory); }
    static std::string contents(const std::string& path)
    {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    const std::string directory = std::filesystem::temp_directory_path() / ("rf-console-log-" + std::to_string(::getpid()));
};

TEST_F(ConsoleLogTest, RotatesAndNeverOutgrowsItsLimits)
{
    const std::string path = directory + "/deep/guest.log";
    std::string all;
    {
        ConsoleLog log(path, {100, 2});
        for (int i = 0; i < 100; ++i) {
            const std::string line = "message " + std::to_string(i) + "\n";
            log.write(line);
            all += line;
        }
    }
    EXPECT_LE(std::filesystem::file_size(path), 100u);
    EXPECT_EQ(std::filesystem::file_size(path + ".1"), 100u);
    EXPECT_EQ(std::filesystem::file_size(path + ".2"), 100u);
    EXPECT_FALSE(std::filesystem::exists(path + ".3"));
    const std::string kept = contents(path + ".2") + contents(path + ".1") + contents(path);
    EXPECT_EQ(kept, all.substr(all.size() - kept.size()));
    ConsoleLog again(path, {100, 2});
    again.write("appended\n");
    EXPECT_TRUE(contents(path).ends_with("appended\n"));
}

TEST_F(ConsoleLogTest, AnUnwritablePlaceIsNoError)
{
    ConsoleLog log("/proc/no/such/place.log", {});
    log.write("text");
}

TEST(FileNameTest, HostileNamesStayInsideTheDirectory)
{
    EXPECT_EQ(file_name_of("web-1.example"), "web-1.example");
    EXPECT_EQ(file_name_of("../../etc/passwd"), "_._.._etc_passwd");
    EXPECT_EQ(file_name_of(".."), "_.");
    EXPECT_EQ(file_name_of(std::string("a\0b", 3)), "a_b");
    EXPECT_EQ(file_name_of(""), "");
    EXPECT_EQ(file_name_of(std::string(500, 'x')).size(), 128u);
}

TEST(PseudoTerminalTest, IsRawAndSurvivesDetach)
{
    auto terminal = PseudoTerminal::open();
    ASSERT_TRUE(terminal) << terminal.error().text();
    ASSERT_EQ(terminal->write("early\r\n"), 7u);
    for (int attach = 0; attach < 2; ++attach) {
        std::ofstream typed(terminal->path());
        typed << "key\n" << std::flush;
    }
    // The kernel carries what was typed to our side in its own time.
    std::string read;
    for (int tries = 0; tries < 1000 && read.size() < 8; ++tries) {
        read += terminal->read(100);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(read, "key\nkey\n");
    EXPECT_EQ(terminal->read(100), "");
}

}  // namespace
}  // namespace rf::rpc
