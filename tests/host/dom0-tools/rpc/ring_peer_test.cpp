// SPDX-License-Identifier: MIT
/// Story: a guest's store ring, with a guest that follows the protocol, one that does everything wrong, and one that asks for a
/// new start. A guest that breaks the rules finds an error code in its page, costs nothing more, and harms no other.
#include <random>

#include <gtest/gtest.h>

#include "rpc/guest_ring.hpp"
#include "rpc/ring_peer.hpp"
#include "store/store_fixture.hpp"
#include "xen/fake_kernel.hpp"

namespace rf::rpc {
namespace {

using store::Message;
using store::Type;
using Work = Peer::Work;

using Interface = ::xen::xenstore_domain_interface;

/// Puts bytes into the request ring without asking whether there is room.
void force(Interface& page, const std::string& bytes)
{
    for (const char c : bytes)
        page.req[page.req_prod++ % sizeof page.req] = c;
}

class RingPeerTest : public store::StoreTest {
protected:
    void SetUp() override
    {
        connection = guest(5).connection();
        peer = make(RingPeer::Start::fresh);
    }
    std::unique_ptr<RingPeer> make(RingPeer::Start start)
    {
        return std::make_unique<RingPeer>(SharedPage(kernel.lend(page)), connection, server, start,
                                          [this] { ++notified; });
    }
    /// One turn as the service runs it.
    Work turn(unsigned budget = 8)
    {
        const Work work = peer->take_requests(server, budget);
        const Work sent = peer->send_replies(server);
        return work == Work::idle ? sent : work;
    }

    xen::FakeKernel kernel;
    xen::FakeKernel::Page page;
    GuestRing ring{&page};
    store::ConnectionId connection = 0;
    std::unique_ptr<RingPeer> peer;
    int notified = 0;
};

TEST_F(RingPeerTest, RequestsAndRepliesOfAnyLengthPassThroughASmallRing)
{
    const std::string value(2000, 'v');
    for (std::uint32_t i = 0; i < 40; ++i) {
        ring.send({Type::write, 2 * i, 0, std::string("x\0", 2) + value});
        ring.send({Type::read, 2 * i + 1, 0, std::string("x\0", 2)});
    }
    for (int rounds = 0; ring.received.size() < 80; ++rounds) {
        ASSERT_LT(rounds, 10000);
        ring.pump();
        (void)turn(1 + static_cast<unsigned>(rounds) % 5);
    }
    for (std::uint32_t i = 0; i < 80; ++i) {
        EXPECT_EQ(ring.received[i].request, i);
        EXPECT_EQ(ring.received[i].payload, i % 2 ? value : std::string("OK\0", 3));
    }
    EXPECT_GT(notified, 0);
    EXPECT_FALSE(peer->is_broken());
}

TEST_F(RingPeerTest, NothingIsToldBeforeTheReplyStep)
{
    ring.send({Type::read, 1, 0, std::string("x\0", 2)});
    ring.pump();
    const auto before = ring.page().req_cons;
    EXPECT_EQ(peer->take_requests(server, 8), Work::idle);
    EXPECT_EQ(ring.page().req_cons, before);
    EXPECT_EQ(ring.page().rsp_prod, 0u);
    const int earlier = notified;
    (void)peer->send_replies(server);
    EXPECT_EQ(ring.page().req_cons, ring.page().req_prod);
    EXPECT_GT(ring.page().rsp_prod, 0u);
    EXPECT_EQ(notified, earlier + 1);
    (void)peer->send_replies(server);
    EXPECT_EQ(notified, earlier + 1);
}

TEST_F(RingPeerTest, ARequestThatComesBetweenTakingAndTellingIsNotForgotten)
{
    ring.send({Type::read, 1, 0, std::string("x\0", 2)});
    ring.pump();
    EXPECT_EQ(peer->take_requests(server, 8), Work::idle);
    // The guest still sees its first request in the ring, so it does not notify for the second.
    ring.notify = false;
    ring.send({Type::read, 2, 0, std::string("x\0", 2)});
    ring.pump();
    EXPECT_FALSE(ring.notify);
    EXPECT_EQ(peer->send_replies(server), Work::more);
    EXPECT_EQ(turn(), Work::idle);
    ring.pump();
    EXPECT_EQ(ring.received.size(), 2u);
}

TEST_F(RingPeerTest, NoWakeUpIsLostUnderLinuxsRuleOfNotifying)
{
    std::mt19937 random(12);
    const std::string value(700, 'v');
    server.process(connection, {Type::write, 0, 0, std::string("x\0", 2) + value});
    std::uint32_t sent = 0;
    bool wake = true;
    for (int step = 0; step < 200000 && ring.received.size() < 3001; ++step) {
        for (unsigned more = random() % 3; more > 0 && sent < 3000; --more)
            ring.send({Type::read, ++sent, 0, std::string("x\0", 2)});
        const auto guest_runs = [&] {
            if (random() % 2)
                ring.pump();
            wake |= std::exchange(ring.notify, false);
        };
        guest_runs();
        if (!wake) {
            ring.pump();
            wake |= std::exchange(ring.notify, false);
            // Asleep with nothing to wake it, the store must have served all there is.
            ASSERT_TRUE(wake || ring.received.size() == sent + 1u || !ring.is_sent()) << "step " << step;
            continue;
        }
        const Work work = peer->take_requests(server, 1 + random() % 4);
        guest_runs();
        const Work after = peer->send_replies(server);
        wake = work == Work::more || after == Work::more || (work == Work::blocked && server.accepts_requests(connection));
        guest_runs();
    }
    EXPECT_EQ(ring.received.size(), 3001u);
}

TEST_F(RingPeerTest, TheBudgetIsKept)
{
    for (std::uint32_t i = 0; i < 20; ++i)
        ring.send({Type::read, i, 0, std::string("x\0", 2)});
    ring.pump();
    EXPECT_EQ(turn(8), Work::more);
    ring.pump();
    EXPECT_EQ(ring.received.size(), 8u);
    EXPECT_EQ(turn(8), Work::more);
    EXPECT_EQ(turn(8), Work::idle);
    ring.pump();
    EXPECT_EQ(ring.received.size(), 20u);
}

TEST_F(RingPeerTest, AGuestThatTakesNoRepliesIsNotServedUntilItDoes)
{
    const std::string value(2000, 'v');
    server.process(connection, {Type::write, 0, 0, std::string("x\0", 2) + value});
    Work work = Work::more;
    std::uint32_t sent = 0;
    for (; work != Work::blocked && sent < 5000; ++sent) {
        auto& p = ring.page();
        ASSERT_LE(p.req_prod - p.req_cons, 1000u);
        force(p, store::encode({Type::read, sent, 0, std::string("x\0", 2)}));
        work = turn();
    }
    EXPECT_EQ(work, Work::blocked);
    EXPECT_LE(server.outbox(connection).bytes(), quota.bytes + 8192);
    EXPECT_EQ(turn(), Work::blocked);
    for (int i = 0; i < 20000 && work != Work::idle; ++i) {
        ring.pump();
        work = turn();
    }
    EXPECT_EQ(work, Work::idle);
}

TEST_F(RingPeerTest, SenselessIndicesAndLengthsBreakItOff)
{
    const std::string request = store::encode({Type::read, 1, 0, std::string("x\0", 2)});
    std::string oversized = store::encode({Type::read, 1, 0, ""});
    oversized[14] = 1;
    struct Attack {
        const char* what;
        std::function<void(Interface&)> act;
        std::uint32_t error;
    };
    const Attack attacks[] = {
        {"request index ahead", [](Interface& p) { p.req_prod = p.req_cons + 1025; }, ::xen::XENSTORE_ERROR_RINGIDX},
        {"request index behind", [](Interface& p) { p.req_prod = p.req_cons - 1; }, ::xen::XENSTORE_ERROR_RINGIDX},
        {"reply index ahead",
         [&](Interface& p) {
             p.rsp_cons = p.rsp_prod + 1;
             force(p, request);
         },
         ::xen::XENSTORE_ERROR_RINGIDX},
        {"payload too long", [&](Interface& p) { force(p, oversized); }, ::xen::XENSTORE_ERROR_PROTO},
    };
    for (const Attack& attack : attacks) {
        page = {};
        peer.reset();
        server.ring_reset(connection, 0, 0);
        peer = make(RingPeer::Start::fresh);
        attack.act(ring.page());
        (void)turn();
        EXPECT_TRUE(peer->is_broken()) << attack.what;
        EXPECT_EQ(ring.page().error, attack.error) << attack.what;
        const int earlier = notified;
        for (int i = 0; i < 5; ++i)
            EXPECT_EQ(turn(), Work::idle);
        EXPECT_EQ(notified, earlier) << attack.what;
    }
}

TEST_F(RingPeerTest, RandomPagesNeverHarmTheStore)
{
    std::mt19937 random(2024);
    for (int round = 0; round < 3000; ++round) {
        server.ring_reset(connection, 0, 0);
        auto& p = ring.page();
        for (char& c : p.req)
            c = static_cast<char>(random() % 4 ? 0 : random() % 30);
        p.req_cons = p.rsp_prod = 0;
        peer.reset();
        peer = make(RingPeer::Start::fresh);
        for (int i = 0; i < 5; ++i) {
            p.req_prod = random() % 4 ? p.req_cons + random() % 1100 : static_cast<std::uint32_t>(random());
            p.rsp_cons = random() % 4 ? p.rsp_prod : static_cast<std::uint32_t>(random());
            p.connection = random() % 10 == 0;
            (void)turn();
        }
    }
    EXPECT_TRUE(tools.call(Type::control, store::join({"check"})).starts_with("sound"));
}

TEST_F(RingPeerTest, ReconnectionStartsAfresh)
{
    ring.send({Type::watch, 1, 0, store::join({"a", "t"})});
    ring.pump();
    (void)turn();
    ring.page().req_prod += 5000;  // whatever was there before
    (void)turn();
    EXPECT_TRUE(peer->is_broken());
    ring.page().connection = ::xen::XENSTORE_RECONNECT;
    (void)turn();
    EXPECT_EQ(ring.page().connection, ::xen::XENSTORE_CONNECTED);
    EXPECT_EQ(ring.page().error, ::xen::XENSTORE_ERROR_NONE);
    EXPECT_EQ(ring.page().req_prod + ring.page().req_cons + ring.page().rsp_prod + ring.page().rsp_cons, 0u);
    EXPECT_EQ(server.watch_count(connection), 0u);
    GuestRing again(&page);
    again.send({Type::read, 9, 0, store::join({"/none"})});
    again.pump();
    (void)turn();
    again.pump();
    ASSERT_EQ(again.received.size(), 1u);
    EXPECT_EQ(again.received[0].request, 9u);
}

}  // namespace
}  // namespace rf::rpc
