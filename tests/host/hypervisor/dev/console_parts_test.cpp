// SPDX-License-Identifier: MIT
/// Story: the parts of the console that are not hardware. The message ring must give a reader every byte once, in order,
/// also when the ring or the position counter comes round; output of guests must come out in whole printable lines and
/// not faster than allowed; three switch keys in a row change the side, fewer are typed text.
#include "dev/guest_lines.hpp"
#include "dev/input_switch.hpp"
#include "dev/log_ring.hpp"
#include "dev/time_stamp.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <vector>

namespace rf::dev {
namespace {

template <class Ring>
std::string read_all(Ring const& ring, std::uint32_t& position, std::size_t chunk)
{
    std::string text;
    std::vector<char> buffer(chunk);
    while (std::size_t const count = ring.read(position, buffer))
        text.append(buffer.data(), count);
    return text;
}

TEST(LogRing, AgreesWithAQueueOfBytes)
{
    LogRing<64> ring;
    std::deque<char> model;
    std::mt19937 random(3);
    char next = 'a';
    for (unsigned step = 0; step < 5000; ++step) {
        std::string text(random() % 90, ' ');
        for (char& c : text)
            c = next = next == 'z' ? 'a' : static_cast<char>(next + 1);
        ring.put(text);
        model.insert(model.end(), text.begin(), text.end());
        while (model.size() > 64)
            model.pop_front();
        std::uint32_t position = ring.oldest();
        ASSERT_EQ(read_all(ring, position, 1 + random() % 70), std::string(model.begin(), model.end()));
        ASSERT_EQ(position, ring.newest());
        if (random() % 4 == 0) {
            auto const drop = static_cast<std::uint32_t>(random() % (model.size() + 1));
            ring.clear_before(ring.oldest() + drop);
            model.erase(model.begin(), model.begin() + drop);
        }
    }
}

TEST(LogRing, AnIncrementalReaderSeesEverythingOnceAndSurvivesLosses)
{
    LogRing<16> ring;
    std::uint32_t position = 0;
    ring.put("one ");
    EXPECT_EQ(read_all(ring, position, 3), "one ");
    ring.put("two ");
    EXPECT_EQ(read_all(ring, position, 3), "two ");
    EXPECT_EQ(read_all(ring, position, 3), "");
    ring.put("0123456789abcdefXYZ"); // more than fits: the oldest are gone
    EXPECT_EQ(read_all(ring, position, 5), "3456789abcdefXYZ");
    position = 0xdeadbeef; // never was a position: start over
    EXPECT_EQ(read_all(ring, position, 5), "3456789abcdefXYZ");
    ring.clear_before(0xdeadbeef); // neither
    position = ring.oldest();
    EXPECT_EQ(read_all(ring, position, 5), "3456789abcdefXYZ");
    ring.clear_before(position);
    EXPECT_EQ(read_all(ring, position, 5), "");
    EXPECT_EQ(ring.oldest(), ring.newest());
}

struct Heard {
    std::vector<std::string> lines;
    auto sink()
    {
        return [this](DomainId id, std::string_view line) {
            lines.push_back(std::to_string(id.value) + ":" + std::string(line));
        };
    }
};

TEST(GuestLines, JoinsPiecesAndMakesThemPrintable)
{
    GuestLines guests;
    Heard heard;
    guests.put(DomainId{1}, "hel", 0, heard.sink());
    guests.put(DomainId{2}, "other\r\n", 0, heard.sink());
    guests.put(DomainId{1}, "lo\x1b[31m\tx\xff\nrest", 0, heard.sink());
    EXPECT_EQ(heard.lines, (std::vector<std::string>{"2:other", "1:hello?[31m x?"}));
}

TEST(GuestLines, CutsEndlessLines)
{
    GuestLines guests;
    Heard heard;
    guests.put(DomainId{1}, std::string(GuestLines::line_bytes * 2 + 5, 'x'), 0, heard.sink());
    ASSERT_EQ(heard.lines.size(), 2u);
    EXPECT_EQ(heard.lines[0].size(), 2 + GuestLines::line_bytes);
}

TEST(GuestLines, LimitsEachDomainAlone)
{
    GuestLines guests;
    Heard heard;
    for (unsigned i = 0; i < 1000; ++i)
        guests.put(DomainId{1}, "flood\n", 5'000'000, heard.sink());
    EXPECT_EQ(heard.lines.size(), GuestLines::lines_per_second);
    guests.put(DomainId{2}, "quiet\n", 5'000'000, heard.sink());
    EXPECT_EQ(heard.lines.back(), "2:quiet");
    heard.lines.clear();
    guests.put(DomainId{1}, "again\n", 1'100'000'000, heard.sink());
    ASSERT_EQ(heard.lines.size(), 2u); // told that lines were lost, then heard again
    EXPECT_EQ(heard.lines[1], "1:again");
}

TEST(GuestLines, ManyDomainsShareTheBuffers)
{
    GuestLines guests;
    Heard heard;
    for (std::uint16_t id = 1; id <= 100; ++id)
        guests.put(DomainId{id}, "line\n", id, heard.sink());
    EXPECT_EQ(heard.lines.size(), 100u);
}

TEST(InputSwitch, ThreeSwitchKeysChangeSides)
{
    InputSwitch input;
    input.configure('a', InputSwitch::Side::control_domain);
    std::string passed;
    unsigned switches = 0;
    auto const type = [&](std::string_view text) {
        for (char const c : text)
            input.take(c, [&](char p) { passed += p; }, [&] { ++switches; });
    };
    type("ls\n\1");
    EXPECT_EQ(passed, "ls\n"); // one key is held back
    type("x");
    EXPECT_EQ(passed, "ls\n\1x");
    type("\1\1y");
    EXPECT_EQ(passed, "ls\n\1x\1\1y");
    EXPECT_EQ(switches, 0u);
    type("\1\1\1q");
    EXPECT_EQ(switches, 1u);
    EXPECT_EQ(input.side(), InputSwitch::Side::hypervisor);
    EXPECT_EQ(passed.back(), 'q');
    type("\1\1\1");
    EXPECT_EQ(input.side(), InputSwitch::Side::control_domain);
    EXPECT_EQ(passed, "ls\n\1x\1\1yq");
}

TEST(TimeStamp, HasMicroseconds)
{
    EXPECT_EQ(TimeStamp(1'234'567'890, true).text(), "(RF) [    1.234567] ");
    EXPECT_EQ(TimeStamp(0, true).text(), "(RF) [    0.000000] ");
    EXPECT_EQ(TimeStamp(~0ull, true).text(), "(RF) [18446744073.709551] ");
    EXPECT_EQ(TimeStamp(5, false).text(), "(RF) ");
}

} // namespace
} // namespace rf::dev
