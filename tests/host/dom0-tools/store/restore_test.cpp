// SPDX-License-Identifier: MIT
/// Story: the store is killed at any moment and started again from its journal. Guests do not notice: their watches still fire,
/// what they wrote is there, replies not yet delivered arrive, and a transaction that was open ends in EAGAIN like any conflict.
/// A second server is fed the records of the first, after each of many random requests and through snapshots, and must be equal.
#include <memory>
#include <random>

#include "store/journal.hpp"
#include "store/store_fixture.hpp"

namespace rf::store {
namespace {

class RestoreTest : public StoreTest {
protected:
    /// A server made from the journal so far, as after a restart.
    std::unique_ptr<Server> restart()
    {
        journal.push_back(server.take_records());
        auto fresh = std::make_unique<Server>(quota, gate);
        for (const std::string& batch : journal)
            EXPECT_TRUE(fresh->replay(batch));
        fresh->resume_after_replay();
        return fresh;
    }

    static Client ring(Server& of, std::uint16_t id) { return {of, of.domains().served().at(id).connection}; }

    std::vector<std::string> journal;
};

TEST_F(RestoreTest, WatchesOfGuestsSurviveAndFire)
{
    Client five = guest(5);
    five.watch("device", "d");
    five.watch("@releaseDomain", "r");
    five.watch("gone", "g");
    five.unwatch("gone", "g");
    (void)five.events();
    const auto fresh = restart();
    Client again = ring(*fresh, 5);
    Client new_tools(*fresh, fresh->connect_local());
    (void)again.events();
    new_tools.write("/local/domain/5/device/vif", "1");
    new_tools.write("/local/domain/5/gone", "1");
    EXPECT_EQ(again.events(), Events({"device/vif|d"}));
    EXPECT_EQ(again.watch("device", "d"), "EEXIST");
    EXPECT_EQ(fresh->watch_count(again.connection()), 2u);
}

TEST_F(RestoreTest, OpenTransactionsOfGuestsEndInAgainAndNothingBefore)
{
    Client five = guest(5);
    five.write("x", "1");
    const std::uint32_t t = five.start();
    five.write("x", "2", t);
    const auto fresh = restart();
    Client again = ring(*fresh, 5);
    EXPECT_EQ(again.read("x", t), "1");
    EXPECT_EQ(again.write("y", "3", t), "OK");
    EXPECT_EQ(again.commit(t), "EAGAIN");
    EXPECT_EQ(again.read("y"), "ENOENT");
    EXPECT_EQ(again.commit(t), "EAGAIN");
    const std::uint32_t next = again.start();
    EXPECT_EQ(again.write("y", "4", next), "OK");
    EXPECT_EQ(again.commit(next), "OK");
    // A connection that is new has no earlier transactions to continue.
    Client new_tools(*fresh, fresh->connect_local());
    EXPECT_EQ(new_tools.read("/", t), "ENOENT");
}

TEST_F(RestoreTest, UndeliveredRepliesAndHalfRequestsAreKept)
{
    Client five = guest(5);
    const ConnectionId connection = five.connection();
    server.ring_reset(connection, 100, 200);
    server.process(connection, {Type::write, 1, 0, join({"x"}) + "1"});
    server.process(connection, {Type::read, 2, 0, join({"x"})});
    server.ring_progressed(connection, 150, "half a hea");
    const std::string waiting = server.outbox(connection).contents();
    server.delivered(connection, 10);
    const auto fresh = restart();
    const ConnectionId again = fresh->domains().served().at(5).connection;
    // What was delivered is not in the journal; the transport sees it in the ring and says so.
    EXPECT_EQ(fresh->outbox(again).contents(), waiting);
    EXPECT_EQ(fresh->ring(again).request_index, 150u);
    EXPECT_EQ(fresh->ring(again).response_index, 200u);
    EXPECT_EQ(fresh->ring(again).remainder, "half a hea");
    fresh->delivered(again, 10);
    EXPECT_EQ(fresh->outbox(again).contents(), waiting.substr(10));
    EXPECT_EQ(fresh->ring(again).response_index, 210u);
}

TEST_F(RestoreTest, DomainsTargetsShutdownsAndIncarnations)
{
    guest(5);
    guest(6);
    guest(7);
    tools.call(Type::set_target, join({"6", "5"}));
    tools.write("/for5", "1");
    tools.chmod("/for5", {"n0", "r5", "r7"});
    const DomainStatus existing[] = {{0, {}}, {5, DomainState::shut_down}, {6, DomainState::running}};
    server.update_domains(existing);
    const auto fresh = restart();
    EXPECT_EQ(fresh->domains().served().size(), 2u);
    EXPECT_EQ(fresh->domains().served().at(5).state, DomainState::shut_down);
    EXPECT_EQ(fresh->domains().key(7).incarnation, 1u);
    Client helper = ring(*fresh, 6);
    EXPECT_EQ(helper.write("/local/domain/5/x", "1"), "OK");
    Client new_tools(*fresh, fresh->connect_local());
    EXPECT_EQ(new_tools.perms("/for5"), "n0,r5");
}

TEST_F(RestoreTest, AMalformedBatchIsRefused)
{
    guest(5);
    tools.write("/a", "1");
    const std::string good = server.take_records();
    std::mt19937 random(5);
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string bad = good.substr(0, random() % (good.size() + 1));
        for (unsigned flips = random() % 4; flips > 0 && !bad.empty(); --flips)
            bad[random() % bad.size()] = static_cast<char>(random());
        Server fresh(quota, gate);
        refused += !fresh.replay(bad);
    }
    EXPECT_GT(refused, 1000);
}

TEST_F(RestoreTest, RecordsAndSnapshotsRebuildTheServerAtEveryStep)
{
    std::vector<Client> guests;
    for (const std::uint16_t id : {5, 6, 7})
        guests.push_back(guest(id));
    std::mt19937 random(1);
    auto shadow = std::make_unique<Server>(quota, gate);
    ASSERT_TRUE(shadow->replay(server.take_records()));
    std::vector<std::uint32_t> open;
    for (int step = 0; step < 6000; ++step) {
        const bool by_tools = random() % 3 == 0;
        Client& who = by_tools ? tools : guests[random() % guests.size()];
        const std::string path = "/local/domain/" + std::to_string(5 + random() % 3) + "/" + std::to_string(random() % 5) +
                                 (random() % 2 ? "/x" : "");
        const std::uint32_t t = by_tools && !open.empty() && random() % 2 ? open.back() : 0;
        switch (random() % 9) {
        case 0: case 1: case 2: who.write(path, std::to_string(step), t); break;
        case 3: who.rm(path, t); break;
        case 4: who.chmod(path, {random() % 2 ? "n5" : "b6", "r7"}, t); break;
        case 5: who.watch(path, std::to_string(random() % 3)); break;
        case 6: who.unwatch(path, std::to_string(random() % 3)); break;
        case 7:
            if (open.size() < 4)
                open.push_back(tools.start());
            break;
        case 8:
            if (!open.empty()) {
                random() % 3 ? tools.commit(open.back()) : tools.abort(open.back());
                open.pop_back();
            }
            break;
        }
        ASSERT_TRUE(shadow->replay(server.take_records())) << step;
        if (step % 1000 == 999) {
            const std::string snapshot = server.snapshot();
            shadow = std::make_unique<Server>(quota, gate);
            ASSERT_TRUE(shadow->replay(snapshot)) << step;
        }
        if (step % 20 == 0) {
            ASSERT_EQ(dump(*shadow), dump(server)) << step;
            for (const std::uint16_t id : {5, 6, 7}) {
                const ConnectionId ours = server.domains().served().at(id).connection;
                const ConnectionId theirs = shadow->domains().served().at(id).connection;
                ASSERT_EQ(shadow->watch_count(theirs), server.watch_count(ours)) << step;
                ASSERT_EQ(shadow->usage_of(id).nodes, server.usage_of(id).nodes) << step;
            }
        }
    }
}

TEST(JournalTest, ATruncatedOrDamagedTailIsLeftOut)
{
    std::string file(journal_mark);
    std::vector<std::string> batches;
    std::vector<std::size_t> ends;
    for (int i = 0; i < 20; ++i) {
        batches.push_back(std::string(static_cast<std::size_t>(i * 7 + 1), static_cast<char>('a' + i)));
        file += journal_frame(batches.back());
        ends.push_back(file.size());
    }
    for (std::size_t length = 0; length <= file.size(); ++length) {
        JournalReader reader(std::string_view(file).substr(0, length));
        std::size_t whole = 0;
        while (whole < ends.size() && ends[whole] <= length)
            ++whole;
        for (std::size_t i = 0; i < whole; ++i)
            ASSERT_EQ(reader.next(), batches[i]);
        EXPECT_FALSE(reader.next());
        EXPECT_EQ(reader.sound_bytes(), length < 8 ? 0 : whole == 0 ? 8 : ends[whole - 1]);
    }
    std::string damaged = file;
    damaged[ends[4] + 8] ^= 1;
    JournalReader reader(damaged);
    int read = 0;
    while (reader.next())
        ++read;
    EXPECT_EQ(read, 5);
    EXPECT_FALSE(JournalReader("something else").is_journal());
}

TEST(JournalTest, RoomBehindTheLastBatchIsItsEnd)
{
    std::string file = std::string(journal_mark) + journal_frame("one") + std::string(100, '\0');
    put_journal_frame(file.data() + journal_mark.size() + frame_overhead + 3, "two");
    EXPECT_EQ(file, std::string(journal_mark) + journal_frame("one") + journal_frame("two") + std::string(100 - frame_overhead - 3, '\0'));
    JournalReader reader(file);
    EXPECT_EQ(reader.next(), "one");
    EXPECT_EQ(reader.next(), "two");
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.sound_bytes(), journal_mark.size() + 2 * (frame_overhead + 3));
}

TEST(JournalTest, ChecksumIsTheUsualOne)
{
    EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
}

}  // namespace
}  // namespace rf::store
