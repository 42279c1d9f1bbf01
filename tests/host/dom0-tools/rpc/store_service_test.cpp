// SPDX-License-Identifier: MIT
/// Story: the whole store daemon over a fake kernel, with a guest on a ring and tools on the socket. It is killed again and
/// again at the worst places: before the journal is written, after it but before the guest is told, in the middle of a long
/// message. The guest must see one reply to each of its requests, in order, and the effect of each exactly once.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/guest_ring.hpp"
#include "rpc/store_client.hpp"
#include "rpc/store_service.hpp"
#include "xen/fake_kernel.hpp"

namespace rf::rpc {
namespace {

using store::Message;
using store::Type;

class StoreServiceTest : public ::testing::Test {
protected:
    static constexpr std::uint32_t guest_port = 3;
    static constexpr std::chrono::milliseconds at_once{0};

    void SetUp() override
    {
        std::filesystem::remove_all(directory);
        std::filesystem::create_directories(directory);
        kernel.offered = {{0, kernel.own_port}, {5, guest_port}};
        kernel.domains = {{0, ::xen::XEN_DOMINF_running}, {5, ::xen::XEN_DOMINF_running}};
        kernel.grants[{5, 1}];
        start();
    }
    void TearDown() override
    {
        kill();
        std::filesystem::remove_all(directory);
        EXPECT_EQ(kernel.open_files, 0);
        EXPECT_EQ(kernel.mapped, 0);
    }

    void start()
    {
        loop = std::make_unique<ReadyLoop>(ReadyLoop::create().value());
        auto journal = JournalFile::open(directory, "this boot");
        ASSERT_TRUE(journal) << journal.error().text();
        auto doors = StoreDoors::open(kernel);
        ASSERT_TRUE(doors) << doors.error().text();
        auto own = xen::OwnStoreRing::open(kernel);
        ASSERT_TRUE(own) << own.error().text();
        StoreOptions options;
        options.socket_path = directory + "/socket";
        service = std::make_unique<StoreService>(*loop, options, std::move(*doors), std::move(*journal));
        const auto started = service->start(std::move(*own));
        ASSERT_TRUE(started) << started.error().text();
    }
    /// What kill -9 leaves: no destructor that matters runs anything but the closing of files.
    void kill()
    {
        service.reset();
        loop.reset();
    }
    void run()
    {
        while (service->round(at_once)) {
        }
    }
    /// Lets a blocking client call run while the service works.
    template <class Call>
    auto client_call(Call call)
    {
        auto result = std::async(std::launch::async, call);
        while (result.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready)
            run();
        return result.get();
    }
    StoreClient connect()
    {
        auto client = client_call([this] { return StoreClient::connect(directory + "/socket"); });
        EXPECT_TRUE(client) << client.error().text();
        return std::move(*client);
    }
    void introduce()
    {
        StoreClient client = connect();
        const auto done = client_call([&]() -> xen::Result<void> {
            if (auto made = client.make_directory("/local/domain/5"); !made)
                return made;
            if (auto set = client.set_permissions("/local/domain/5", {"n5"}); !set)
                return set;
            return client.introduce(5, 0x1234, guest_port);
        });
        ASSERT_TRUE(done) << done.error().text();
    }
    /// Guest and service take turns until nothing moves.
    void settle(GuestRing& guest)
    {
        for (int quiet = 0; quiet < 3;) {
            const bool moved = guest.pump();
            if (std::exchange(guest.notify, false))
                kernel.raise(kernel.local_port(5, guest_port));
            run();
            quiet = moved ? 0 : quiet + 1;
        }
    }

    const std::string directory = std::filesystem::temp_directory_path() / ("rf-store-service-" + std::to_string(::getpid()));
    xen::FakeKernel kernel;
    std::unique_ptr<ReadyLoop> loop;
    std::unique_ptr<StoreService> service;
};

TEST_F(StoreServiceTest, SocketClientsReadWriteListAndWatch)
{
    StoreClient client = connect();
    StoreClient watcher = connect();
    ASSERT_TRUE(client_call([&] { return watcher.watch("/a", "t"); }));
    ASSERT_TRUE(client_call([&] { return client.write("/a/b", "value"); }));
    EXPECT_EQ(client_call([&] { return client.read("/a/b"); }), "value");
    EXPECT_EQ(client_call([&] { return client.read("/nothing"); }).error().code, ENOENT);
    EXPECT_EQ(client_call([&] { return client.read_if_exists("/nothing"); }).value(), std::nullopt);
    EXPECT_EQ(client_call([&] { return client.list("/"); }).value(), (std::vector<std::string>{"a", "tool"}));
    for (int i = 0; i < 700; ++i)
        ASSERT_TRUE(client_call([&] { return client.write("/many/node-" + std::to_string(i), ""); }));
    EXPECT_EQ(client_call([&] { return client.list("/many"); })->size(), 700u);
    EXPECT_EQ(client_call([&] { return client.list("/many/node-1"); })->size(), 0u);
    EXPECT_EQ(client_call([&] { return client.permissions("/a/b"); }).value(), std::vector<std::string>{"n0"});
    int attempts = 0;
    const auto done = client_call([&] {
        return client.transact([&](StoreClient::TransactionId t) -> xen::Result<void> {
            if (++attempts == 1) {
                (void)client.read("/a/b", t);
                (void)client.write("/a/b", "interference");
            }
            return client.write("/a/b", "transacted", t);
        });
    });
    EXPECT_TRUE(done);
    EXPECT_EQ(attempts, 2);
    run();
    std::vector<std::string> events;
    while (auto event = watcher.next_event().value())
        events.push_back(event->path + "|" + event->token);
    EXPECT_EQ(events, (std::vector<std::string>{"/a|t", "/a/b|t", "/a/b|t", "/a/b|t"}));
}

TEST_F(StoreServiceTest, ManyNodesAreWrittenAtOnceAndAFailureAmongThemIsTold)
{
    StoreClient client = connect();
    std::vector<NodeWrite> nodes;
    for (int i = 0; i < 300; ++i)
        nodes.push_back({"/tree/node-" + std::to_string(i), std::to_string(i), {"n0", "r5"}});
    ASSERT_TRUE(client_call([&] { return client.write_all(nodes); }));
    EXPECT_EQ(client_call([&] { return client.list("/tree"); })->size(), 300u);
    EXPECT_EQ(client_call([&] { return client.read("/tree/node-299"); }), "299");
    EXPECT_EQ(client_call([&] { return client.permissions("/tree/node-299"); }).value(), (std::vector<std::string>{"n0", "r5"}));

    nodes = {{"/good", "1", {}}, {"bad path", "2", {}}, {"/behind", "3", {"nonsense"}}};
    const auto failed = client_call([&] { return client.write_all(nodes); });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, EINVAL);
    EXPECT_NE(failed.error().text().find("bad path"), std::string::npos) << failed.error().text();
    // All answers were taken: the next request gets its own.
    EXPECT_EQ(client_call([&] { return client.read("/good"); }), "1");
    EXPECT_EQ(client_call([&] { return client.read("/tree/node-7"); }), "7");
}

TEST_F(StoreServiceTest, ManyNodesAreReadAtOnceAndAbsenceIsAValue)
{
    StoreClient client = connect();
    std::vector<NodeWrite> nodes;
    std::vector<std::string> paths;
    for (int i = 0; i < 300; ++i) {
        paths.push_back("/tree/node-" + std::to_string(i));
        if (i % 3 != 0)
            nodes.push_back({paths.back(), std::to_string(i), {}});
    }
    ASSERT_TRUE(client_call([&] { return client.write_all(nodes); }));
    const auto values = client_call([&] { return client.read_all(paths); });
    ASSERT_TRUE(values);
    ASSERT_EQ(values->size(), 300u);
    for (int i = 0; i < 300; ++i)
        EXPECT_EQ((*values)[i], i % 3 == 0 ? std::nullopt : std::optional(std::to_string(i)));

    const std::vector<std::string> bad = {"/tree/node-1", "bad path", "/tree/node-2"};
    const auto failed = client_call([&] { return client.read_all(bad); });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, EINVAL);
    // All answers were taken: the next request gets its own.
    EXPECT_EQ(client_call([&] { return client.read("/tree/node-7"); }), "7");
}

TEST_F(StoreServiceTest, AGuestIsServedOverItsRing)
{
    introduce();
    GuestRing guest(&kernel.grants.at({5, 1}));
    guest.send({Type::write, 1, 0, std::string("data\0hello", 10)});
    guest.send({Type::read, 2, 0, std::string("data\0", 5)});
    settle(guest);
    ASSERT_EQ(guest.received.size(), 2u);
    EXPECT_EQ(guest.received[1].payload, "hello");
    EXPECT_GT(kernel.notified[kernel.local_port(5, guest_port)], 0);
}

TEST_F(StoreServiceTest, AFrameServesWhereThereIsNoGrant)
{
    kernel.offered.insert({6, 1});
    kernel.domains.push_back({6, 0});
    StoreClient client = connect();
    EXPECT_EQ(client_call([&] { return client.introduce(6, 0x99, 1); }).error().code, EINVAL);
    kernel.frames[{6, 0x99}];
    EXPECT_TRUE(client_call([&] { return client.introduce(6, 0x99, 1); }));
    EXPECT_TRUE(client_call([&] { return client.is_introduced(6); }).value());
}

TEST_F(StoreServiceTest, DeathOfADomainIsNoticedAndItsPageIsGivenBack)
{
    introduce();
    StoreClient watcher = connect();
    ASSERT_TRUE(client_call([&] { return watcher.watch("@releaseDomain", "r"); }));
    const int mapped = kernel.mapped;
    kernel.domains = {{0, 0}, {5, ::xen::XEN_DOMINF_dying}};
    kernel.raise(kernel.exception_port);
    run();
    EXPECT_EQ(kernel.mapped, mapped - 1);
    EXPECT_EQ(kernel.local_port(5, guest_port), 0u);
    std::vector<std::string> events;
    while (auto event = watcher.next_event().value())
        events.push_back(event->path);
    EXPECT_EQ(events, (std::vector<std::string>{"@releaseDomain", "@releaseDomain"}));
    EXPECT_EQ(client_call([&] { return watcher.read("/local/domain/5"); }).error().code, ENOENT);
}

TEST_F(StoreServiceTest, OneBusyClientDoesNotKeepTheOthersWaiting)
{
    introduce();
    GuestRing guest(&kernel.grants.at({5, 1}));
    for (std::uint32_t i = 0; i < 2000; ++i)
        guest.send({Type::read, i, 0, std::string("x\0", 2)});
    StoreClient client = connect();
    std::size_t before = 0;
    auto answer = std::async(std::launch::async, [&] { return client.write("/a", "1"); });
    while (answer.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready) {
        guest.pump();
        if (std::exchange(guest.notify, false))
            kernel.raise(kernel.local_port(5, guest_port));
        (void)service->round(at_once);
        before = guest.received.size();
    }
    EXPECT_TRUE(answer.get());
    EXPECT_LT(before, 2000u);
    settle(guest);
    EXPECT_EQ(guest.received.size(), 2000u);
}

// A client asks and asks and never takes an answer: it is not read from any more, costs nothing while it sleeps, and finds every
// answer when it comes back. Others are served meanwhile.
TEST_F(StoreServiceTest, AClientThatTakesNoAnswersWaitsWithoutCost)
{
    StoreClient client = connect();
    ASSERT_TRUE(client_call([&] { return client.write("/a", std::string(1000, 'x')); }));
    StoreClient lazy = connect();
    const std::string question = store::encode({Type::read, 9, 0, std::string("/a\0", 3)});
    unsigned asked = 0;
    for (unsigned quiet = 0; quiet < 3; run()) {
        const ssize_t count = ::send(lazy.descriptor(), question.data(), question.size(), MSG_DONTWAIT);
        ASSERT_TRUE(count == static_cast<ssize_t>(question.size()) || count < 0);
        quiet = count < 0 ? quiet + 1 : 0;
        asked += count > 0;
    }
    EXPECT_GT(asked, 100u);
    EXPECT_FALSE(service->round(at_once)) << "nothing is reported that nobody wants to know";
    EXPECT_TRUE(client_call([&] { return client.read("/a"); }));
    std::size_t received = 0;
    std::vector<char> buffer(65536);
    for (unsigned quiet = 0; quiet < 3; run()) {
        const ssize_t count = ::recv(lazy.descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        quiet = count < 0 ? quiet + 1 : 0;
        received += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    EXPECT_EQ(received, asked * (store::header_bytes + 1000));
}

TEST_F(StoreServiceTest, WatchesOfAGuestSurviveARestartOfTheStore)
{
    introduce();
    GuestRing guest(&kernel.grants.at({5, 1}));
    guest.send({Type::watch, 1, 0, std::string("device\0token\0", 13)});
    settle(guest);
    guest.received.clear();
    kill();
    start();
    StoreClient client = connect();
    ASSERT_TRUE(client_call([&] { return client.write("/local/domain/5/device/x", "1"); }));
    settle(guest);
    ASSERT_EQ(guest.received.size(), 1u);
    EXPECT_EQ(guest.received[0].payload, std::string("device/x\0token\0", 15));
}

TEST_F(StoreServiceTest, ADomainThatDiedMeanwhileIsReleasedAtTheStart)
{
    introduce();
    kill();
    kernel.domains = {{0, 0}};
    start();
    StoreClient client = connect();
    EXPECT_FALSE(client_call([&] { return client.is_introduced(5); }).value());
    EXPECT_EQ(client_call([&] { return client.read("/local/domain/5"); }).error().code, ENOENT);
}

TEST_F(StoreServiceTest, AJournalThatMissedABatchBeginsAnew)
{
    StoreClient client = connect();
    const std::string value(4000, 'v');
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const std::string journal = directory + "/store.journal";
    const rlimit full{std::filesystem::file_size(journal), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    std::vector<NodeWrite> nodes;
    std::vector<std::string> paths;
    for (unsigned n = 0; n < 100; ++n) {  // more than there is room for
        paths.push_back("/many/" + std::to_string(n));
        nodes.push_back({paths.back(), value, {}});
    }
    ASSERT_TRUE(client_call([&] { return client.write_all(nodes); }));
    ASSERT_EQ(std::filesystem::file_size(journal), full.rlim_cur);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    ASSERT_TRUE(client_call([&] { return client.write("/last", "one"); }));
    kill();
    start();
    StoreClient next = connect();
    EXPECT_EQ(client_call([&] { return next.read("/last"); }), "one");
    const auto values = client_call([&] { return next.read_all(paths); });
    ASSERT_TRUE(values);
    for (std::size_t n = 0; n < values->size(); ++n)
        EXPECT_EQ((*values)[n], value) << n;
}

TEST_F(StoreServiceTest, KilledAtTheWorstPlacesEveryRequestCountsOnce)
{
    introduce();
    auto& page = kernel.grants.at({5, 1});
    GuestRing guest(&page);
    std::mt19937 random(77);
    std::uint32_t sent = 0;
    std::uint32_t token = 0;
    std::vector<std::string> expected;
    for (int round = 0; round < 300; ++round) {
        // A watch is set once or refused as a duplicate, so a request served twice shows; long writes cross the ring's end.
        if (random() % 2) {
            guest.send({Type::watch, ++sent, 0, std::string("w\0", 2) + std::to_string(++token % 90) + '\0'});
            expected.push_back("OK");
            guest.send({Type::unwatch, ++sent, 0, std::string("w\0", 2) + std::to_string(token % 90) + '\0'});
            expected.push_back("OK");
        } else {
            const std::string value(random() % 2000, static_cast<char>('a' + random() % 26));
            guest.send({Type::write, ++sent, 0, std::string("v\0", 2) + value});
            expected.push_back("OK");
            guest.send({Type::read, ++sent, 0, std::string("v\0", 2)});
            expected.push_back(value);
        }
        guest.pump();
        if (std::exchange(guest.notify, false))
            kernel.raise(kernel.local_port(5, guest_port));
        const std::string journal = directory + "/store.journal";
        const std::string saved = directory + "/saved";
        std::filesystem::copy_file(journal, saved, std::filesystem::copy_options::overwrite_existing);
        const ::xen::xenstore_domain_interface before = guest.page();
        for (unsigned turns = random() % 4; turns > 0; --turns) {
            (void)service->round(at_once);
        }
        const unsigned fate = random() % 4;
        if (fate == 0)
            continue;
        kill();
        if (fate == 1)  // before the journal was written: neither it nor the page has changed
            std::filesystem::copy_file(saved, journal, std::filesystem::copy_options::overwrite_existing);
        if (fate == 1 || fate == 2) {  // and before the guest was told
            guest.page().req_cons = before.req_cons;
            guest.page().rsp_prod = before.rsp_prod;
        }
        start();
    }
    settle(guest);
    std::vector<std::string> answers;
    std::uint32_t last = 0;
    for (const Message& message : guest.received) {
        if (message.type == Type::watch_event)
            continue;
        EXPECT_EQ(message.request, ++last);
        answers.push_back(message.type == Type::read ? message.payload : std::string(message.payload.c_str()));
    }
    EXPECT_EQ(last, sent);
    EXPECT_EQ(answers, expected);
}

}  // namespace
}  // namespace rf::rpc
