// SPDX-License-Identifier: MIT
// Story: a guest prints more than the ring holds, to a daemon that reads, that stops reading, and that never was there.
#include <gtest/gtest.h>

#include "front/console.hpp"
#include "fake_doors.hpp"

namespace {

using namespace rf;
using namespace rf::front;

/// Reads everything there is.
std::string drain(xen::xencons_interface& ring)
{
    std::string text;
    for (; ring.out_cons != ring.out_prod; ++ring.out_cons)
        text += ring.out[ring.out_cons & (xen::XENCONS_OUT_SIZE - 1)];
    return text;
}

TEST(FrontConsole, DeliversEverythingToADaemonThatReads)
{
    xen::xencons_interface ring{};
    test::FakeEvents events;
    std::string seen;
    events.other_side = [&] { seen += drain(ring); };
    Console console{ring, 3, events};
    console.write("one\ntwo\n");
    const std::string longer(5000, 'x');
    console.write(longer);
    console.flush();
    EXPECT_EQ(seen, "one\r\ntwo\r\n" + longer);
    EXPECT_EQ(console.dropped(), 0u);
    EXPECT_GT(events.notified[3], 0u);
}

TEST(FrontConsole, DropsTextAfterAWhileRatherThanHanging)
{
    xen::xencons_interface ring{};
    test::FakeEvents events;
    unsigned polls = 0;
    events.other_side = [&] { ++polls; };
    Console console{ring, 3, events};
    console.write(std::string(2048 + 10, 'x'));
    EXPECT_EQ(console.dropped(), 10u);
    EXPECT_EQ(polls, 500u);
    console.write("more");
    EXPECT_EQ(console.dropped(), 14u);
    EXPECT_EQ(polls, 500u) << "a daemon once found dead is not waited for";
    drain(ring);
    console.write("back");
    EXPECT_EQ(drain(ring), "back");
}

TEST(FrontConsole, ReadsWhatIsTypedAndSurvivesNonsenseIndices)
{
    xen::xencons_interface ring{};
    test::FakeEvents events;
    Console console{ring, 3, events};
    EXPECT_EQ(console.read(), std::nullopt);
    ring.in[0] = 'q';
    ring.in_prod = 1;
    EXPECT_EQ(console.read(), 'q');
    EXPECT_EQ(ring.in_cons, 1u);
    ring.in_prod = 100000;
    EXPECT_EQ(console.read(), std::nullopt);
    ring.out_cons = 77;
    console.write("into the void");
    EXPECT_EQ(console.dropped(), 13u);
}

}  // namespace
