// SPDX-License-Identifier: MIT
// Story: a device is set up, used, taken away and set up again, and both halves see each other only through the store.
//
// Each test plays the toolstack and the frontend by writing nodes, and looks at what the backend's half writes and does. A
// dead backend's successor joins a connection silently; a removed device never comes back as a ghost; a frontend that
// writes nonsense gets Closing, not service.
#include "xenbus/device.hpp"

#include <cerrno>

#include <gtest/gtest.h>

#include "fake_store.hpp"
#include "xenbus/event_gate.hpp"

namespace rf {
namespace {

using namespace rf::xenbus;
using rf::test::FakeStore;

/// Notes what it is asked for, and fails on demand.
class FakeBackend final : public Backend {
public:
    struct Life {
        std::string story;
        int prepare_error = 0;
        int connect_error = 0;
        unsigned busy_disconnects = 0;
        bool serving = false;
    };
    explicit FakeBackend(Life& life) : life_(life) {}

    Result<void> prepare() override
    {
        life_.story += 'p';
        if (life_.prepare_error != 0)
            return xen::failure(life_.prepare_error, "cannot open");
        return {};
    }
    std::vector<Node> features() const override { return {{"feature", "1"}}; }
    Result<void> connect(Store&, const std::string& frontend, Start start) override
    {
        EXPECT_EQ(frontend, "/local/domain/5/device/vbd/1");
        if (life_.connect_error != 0)
            return xen::failure(life_.connect_error, "bad rings");
        life_.story += start == Start::fresh ? 'c' : 'r';
        life_.serving = true;
        return {};
    }
    bool serving() const override { return life_.serving; }
    Rest disconnect() override
    {
        if (life_.serving)
            life_.story += 'd';
        if (life_.busy_disconnects > 0) {
            --life_.busy_disconnects;
            return Rest::not_yet;
        }
        life_.serving = false;
        return Rest::reached;
    }

private:
    Life& life_;
};

class Handshake : public testing::Test {
protected:
    const std::string back = "/local/domain/0/backend/qdisk/5/1";
    const std::string front = "/local/domain/5/device/vbd/1";
    FakeStore store;
    FakeBackend::Life life;
    std::unique_ptr<Device> device;

    void SetUp() override
    {
        store.nodes = {{back + "/frontend", front}, {back + "/state", "1"}, {back + "/online", "1"}, {front + "/state", "1"}};
        make();
    }
    void make()
    {
        auto paths = read_paths(store, "qdisk", 5, "1");
        ASSERT_TRUE(paths);
        device = std::make_unique<Device>(*paths, std::make_unique<FakeBackend>(life), [](const std::string&) {});
    }
    Device::Outcome evaluate(Domain domain = Domain::alive) { return device->evaluate(store, domain).value(); }
    /// The frontend writes a state; what the backend's is afterwards.
    std::string peer(const char* state)
    {
        store.nodes[front + "/state"] = state;
        evaluate();
        return store.nodes[back + "/state"];
    }
};

TEST_F(Handshake, GoesThroughAWholeLife)
{
    EXPECT_EQ(evaluate(), Device::Outcome::settled);
    EXPECT_EQ(store.nodes[back + "/state"], "2");
    EXPECT_EQ(store.nodes[back + "/feature"], "1");
    EXPECT_EQ(store.nodes[back + "/hotplug-status"], "connected");
    EXPECT_EQ(peer("3"), "4");
    EXPECT_EQ(peer("4"), "4");
    EXPECT_EQ(peer("5"), "5");
    EXPECT_EQ(peer("6"), "6");
    EXPECT_EQ(life.story, "pcd") << "opened once, connected once, left once";
    // The frontend's driver is loaded again.
    EXPECT_EQ(peer("1"), "2");
    EXPECT_EQ(peer("4"), "4") << "a network frontend skips state 3";
    EXPECT_EQ(life.story, "pcdc");
    // The toolstack takes the device away.
    store.nodes[back + "/online"] = "0";
    store.nodes[back + "/state"] = "5";
    EXPECT_EQ(evaluate(), Device::Outcome::settled);
    EXPECT_TRUE(life.serving) << "until the frontend has closed its side";
    store.nodes[front + "/state"] = "6";
    EXPECT_EQ(evaluate(), Device::Outcome::over);
    EXPECT_EQ(store.nodes[back + "/state"], "6");
}

TEST_F(Handshake, SuccessorOfADeadProcessJoinsSilently)
{
    evaluate();
    EXPECT_EQ(peer("4"), "4");
    const auto before = store.nodes;
    life = {};
    make();
    EXPECT_EQ(evaluate(), Device::Outcome::settled);
    EXPECT_EQ(life.story, "pr");
    EXPECT_EQ(store.nodes, before) << "nothing is written, so the frontend notices nothing";
}

TEST_F(Handshake, SuccessorWhileClosingServesUntilTheFrontendIsDone)
{
    store.nodes[back + "/state"] = "5";
    store.nodes[front + "/state"] = "4";
    evaluate();
    EXPECT_EQ(life.story, "pr");
    EXPECT_EQ(peer("6"), "6");
    EXPECT_FALSE(life.serving);
}

TEST_F(Handshake, FrontendThatStartsOverIsServedAnew)
{
    evaluate();
    EXPECT_EQ(peer("4"), "4");
    EXPECT_EQ(peer("1"), "2") << "its kernel was replaced without closing";
    EXPECT_FALSE(life.serving);
    EXPECT_EQ(peer("3"), "4");
    EXPECT_EQ(life.story, "pcdc");
}

TEST_F(Handshake, WaitsForIoBeforeItSaysClosed)
{
    evaluate();
    peer("4");
    life.busy_disconnects = 2;
    store.nodes[front + "/state"] = "6";
    EXPECT_EQ(evaluate(), Device::Outcome::pending);
    EXPECT_EQ(store.nodes[back + "/state"], "4");
    EXPECT_EQ(evaluate(), Device::Outcome::pending);
    EXPECT_EQ(evaluate(), Device::Outcome::settled);
    EXPECT_EQ(store.nodes[back + "/state"], "6");
}

TEST_F(Handshake, AStoreThatDiesAtAnyMomentAndComesBackChangesNothing)
{
    unsigned deaths = 0;
    for (const bool answer_is_lost : {false, true})
        for (int moment = 0;; ++moment) {
            life = {};
            store.operations_left = -1;
            SetUp();
            store.operations_left = moment;
            store.dies_after_doing = answer_is_lost;
            const auto insist = [&](const char* state) {
                store.nodes[front + "/state"] = state;
                for (int attempt = 0; attempt < 3; ++attempt)
                    if (device->evaluate(store, Domain::alive))
                        break;
                return store.nodes[back + "/state"];
            };
            EXPECT_EQ(insist("1"), "2");
            EXPECT_EQ(insist("3"), "4");
            EXPECT_EQ(insist("4"), "4");
            EXPECT_TRUE(life.serving);
            EXPECT_EQ(insist("5"), "5");
            EXPECT_EQ(insist("6"), "6");
            EXPECT_FALSE(life.serving);
            EXPECT_TRUE(life.story == "pcd" || life.story == "pcdcd") << life.story << ", dies after " << moment << " operations";
            if (store.operations_left >= 0)
                break;  // it lived through all of it
            ++deaths;
        }
    EXPECT_GT(deaths, 20u);
}

TEST_F(Handshake, AnErrorThatTheStoreDidNotHearIsToldAgain)
{
    life.prepare_error = ENOENT;
    store.operations_left = 3;  // the update
    EXPECT_FALSE(device->evaluate(store, Domain::alive));
    evaluate();
    EXPECT_EQ(store.nodes[back + "/hotplug-status"], "error");
}

TEST_F(Handshake, RemovedDirectoryIsNotWrittenAgain)
{
    evaluate();
    peer("4");
    store.nodes.clear();
    EXPECT_EQ(evaluate(), Device::Outcome::over);
    EXPECT_TRUE(store.nodes.empty());
    EXPECT_FALSE(life.serving);
}

TEST_F(Handshake, DeadDomainsDeviceIsClosedWhateverItsFrontendLastWrote)
{
    evaluate();
    peer("4");
    EXPECT_EQ(evaluate(Domain::gone), Device::Outcome::over);
    EXPECT_EQ(store.nodes[back + "/state"], "6");
}

TEST_F(Handshake, BadRingsGetClosingAndNoEndlessRetries)
{
    evaluate();
    life.connect_error = EINVAL;
    EXPECT_EQ(peer("3"), "5");
    EXPECT_EQ(peer("4"), "5");
    EXPECT_EQ(peer("6"), "6");
    life.connect_error = 0;
    EXPECT_EQ(peer("1"), "2");
    EXPECT_EQ(peer("3"), "4");
}

TEST_F(Handshake, BusyDiskIsWaitedForAndAMissingOneIsReported)
{
    life.prepare_error = EAGAIN;
    EXPECT_EQ(evaluate(), Device::Outcome::pending);
    EXPECT_EQ(store.nodes[back + "/state"], "1");
    life.prepare_error = ENOENT;
    EXPECT_EQ(evaluate(), Device::Outcome::settled);
    EXPECT_EQ(store.nodes[back + "/hotplug-status"], "error");
    EXPECT_NE(store.nodes[back + "/hotplug-error"].find("cannot open"), std::string::npos);
    life.prepare_error = 0;
    EXPECT_EQ(evaluate(), Device::Outcome::settled) << "it waits to be removed";
    EXPECT_EQ(store.nodes[back + "/state"], "1");
    store.nodes.clear();
    EXPECT_EQ(evaluate(), Device::Outcome::over);
}

TEST_F(Handshake, NonsenseStatesMoveNothing)
{
    evaluate();
    for (const char* state : {"", "9", "-1", " 4", "4 ", "0x4", "44444444444444444444", "connected"})
        EXPECT_EQ(peer(state), "2") << state;
    EXPECT_EQ(life.story, "p");
}

TEST_F(Handshake, ForeignFrontendDirectoryIsRefused)
{
    for (const char* path : {"/local/domain/6/device/vbd/1", "/local/domain/55/device/vbd/1", "/tool", "/local/domain/5"}) {
        store.nodes[back + "/frontend"] = path;
        EXPECT_FALSE(read_paths(store, "qdisk", 5, "1")) << path;
    }
}

TEST(Handshake_, EveryPairOfStatesHasASafeStep)
{
    // Whatever the two halves say, the next step exists, and nothing is mapped in answer to a peer that has no rings.
    for (unsigned own = 0; own < state_count; ++own)
        for (unsigned peer = 0; peer < state_count; ++peer)
            for (const bool online : {false, true}) {
                const Step step = next_step({static_cast<State>(own), static_cast<State>(peer), online});
                if (step == Step::connect || step == Step::serve) {
                    EXPECT_TRUE(peer == 3 || peer == 4) << own << " " << peer;
                }
                if (step == Step::forget) {
                    EXPECT_TRUE(own == 6 && !online);
                }
            }
    EXPECT_EQ(next_step({std::nullopt, State::connected, true}), Step::forget);
}

TEST(EventGate, NoiseWaitsLongerEachTimeAndWorkForgivesIt)
{
    EventGate gate;
    using enum EventGate::Found;
    for (unsigned i = 0; i < EventGate::free_events; ++i)
        EXPECT_EQ(gate.after(nothing).count(), 0);
    EventGate::Duration last{0};
    EventGate::Duration sum{0};
    for (int i = 0; i < 100; ++i) {
        const auto delay = gate.after(nothing);
        EXPECT_GE(delay, last);
        last = delay;
        sum += delay;
    }
    EXPECT_EQ(last, EventGate::longest_delay);
    EXPECT_GT(sum.count(), 5'000'000) << "a hundred empty events a guest can cause take it seconds";
    EXPECT_EQ(gate.after(work).count(), 0);
    EXPECT_EQ(gate.after(nothing).count(), 0);
}

}  // namespace
}  // namespace rf
