// SPDX-License-Identifier: MIT
// Story: a guest asks a store that answers in pieces, sends watch events between the pieces, and finally lies.
#include <gtest/gtest.h>

#include "front/store.hpp"
#include "fake_doors.hpp"

namespace {

using namespace rf;
using namespace rf::front;

/// The store's side of the ring page: collects requests and gives scripted answers.
class Daemon {
public:
    xen::xenstore_domain_interface page{};
    std::size_t piece = 1000;  ///< bytes it moves at once
    std::string to_send;
    std::vector<std::pair<xen::xsd_sockmsg, std::string>> requests;
    std::function<void(const xen::xsd_sockmsg&, const std::string&)> on_request = [](auto&, auto&) {};

    void work()
    {
        for (std::size_t moved = 0; moved < piece && page.req_cons != page.req_prod; ++moved)
            received_ += page.req[page.req_cons++ & 1023];
        xen::xsd_sockmsg head;
        while (received_.size() >= sizeof head) {
            std::memcpy(&head, received_.data(), sizeof head);
            if (received_.size() < sizeof head + head.len)
                break;
            requests.emplace_back(head, received_.substr(sizeof head, head.len));
            received_.erase(0, sizeof head + head.len);
            on_request(requests.back().first, requests.back().second);
        }
        for (std::size_t moved = 0; moved < piece && !to_send.empty() && page.rsp_prod - page.rsp_cons < 1024; ++moved) {
            page.rsp[page.rsp_prod++ & 1023] = to_send.front();
            to_send.erase(0, 1);
        }
    }
    void send(std::uint32_t type, std::uint32_t id, const std::string& body)
    {
        const xen::xsd_sockmsg head{type, id, 0, static_cast<std::uint32_t>(body.size())};
        to_send.append(reinterpret_cast<const char*>(&head), sizeof head);
        to_send += body;
    }
    void event(const std::string& path, const std::string& token) { send(xen::XS_WATCH_EVENT, 0, path + '\0' + token + '\0'); }

private:
    std::string received_;
};

class FrontStore : public testing::Test {
protected:
    FrontStore()
    {
        events.other_side = [this] { daemon.work(); };
        store.attach(daemon.page, 2, events);
    }
    Daemon daemon;
    test::FakeEvents events;
    Store store;
    char room[64];
};

TEST_F(FrontStore, AsksAndTakesAnswersInAnyPieces)
{
    for (const std::size_t piece : {1, 3, 17, 1000}) {
        daemon.piece = piece;
        daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string& body) {
            EXPECT_EQ(head.type, xen::XS_READ);
            EXPECT_EQ(body, std::string("name\0", 5));
            daemon.event("somewhere", "63");
            daemon.send(xen::XS_READ, head.req_id - 1, "an answer to another question");
            daemon.send(xen::XS_READ, head.req_id, "guest-7");
        };
        const auto name = store.read("name", room);
        ASSERT_TRUE(name);
        EXPECT_EQ(*name, "guest-7");
    }
}

TEST_F(FrontStore, TellsErrorsApart)
{
    std::string answer;
    daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string&) { daemon.send(xen::XS_ERROR, head.req_id, answer + '\0'); };
    for (const auto& [text, number] : {std::pair{"ENOENT", xen::XEN_ENOENT}, {"EACCES", xen::XEN_EACCES}, {"EQUOTA", xen::XEN_EIO}}) {
        answer = text;
        EXPECT_EQ(store.read("x", room).error().number, number) << text;
    }
    daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string&) { daemon.send(head.type, head.req_id, std::string(65, 'x')); };
    EXPECT_EQ(store.read("x", room).error().number, xen::XEN_E2BIG);
    daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string&) { daemon.send(head.type, head.req_id, "12x"); };
    EXPECT_EQ(store.read_number("x").error().number, xen::XEN_EINVAL);
    EXPECT_EQ(store.write(std::string(5000, 'x'), "").error().number, xen::XEN_E2BIG);
}

TEST_F(FrontStore, SendsMoreThanTheRingHolds)
{
    daemon.piece = 100;
    daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string&) { daemon.send(head.type, head.req_id, "OK"); };
    const std::string value(3000, 'v');
    ASSERT_TRUE(store.write("big", value));
    EXPECT_EQ(daemon.requests.back().second, std::string("big\0", 4) + value);
}

TEST_F(FrontStore, WatchesFireOnceAndOnlyTheirOwn)
{
    daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string&) { daemon.send(head.type, head.req_id, "OK"); };
    const auto first = store.watch("a");
    const auto second = store.watch("b");
    ASSERT_TRUE(first && second);
    EXPECT_EQ(daemon.requests.back().second, std::string("b\0001\0", 4));
    EXPECT_TRUE(store.fired(*first)) << "a new watch has fired";
    store.forget(*first);
    store.forget(*second);
    daemon.event("b/state", "1");
    daemon.event("nobody's", "40");
    daemon.event("nonsense", "9999999999999999999999");
    daemon.event("no number", "abc");
    daemon.event("no token", "");
    daemon.event("half a number", "0x");
    daemon.send(xen::XS_WATCH_EVENT, 0, "without an end");
    daemon.send(xen::XS_WATCH_EVENT, 0, "");
    daemon.work();
    EXPECT_FALSE(store.fired(*first));
    EXPECT_TRUE(store.fired(*second));
    store.unwatch("b", *second);
    daemon.event("b/state", "1");
    daemon.work();
    EXPECT_FALSE(store.fired(*second));
}

TEST_F(FrontStore, HasAsManyWatchesAsNumbers)
{
    daemon.on_request = [&](const xen::xsd_sockmsg& head, const std::string&) { daemon.send(head.type, head.req_id, "OK"); };
    for (unsigned i = 0; i < Store::watch_limit; ++i)
        ASSERT_TRUE(store.watch("x"));
    EXPECT_EQ(store.watch("x").error().number, xen::XEN_ENOSPC);
}

TEST_F(FrontStore, GivesUpOnAStoreWhoseIndicesAreImpossible)
{
    events.other_side = [this] { daemon.page.rsp_prod = 5000; };
    EXPECT_EQ(store.read("x", room).error().number, xen::XEN_EIO);
    daemon.page.req_cons = 5000;
    EXPECT_EQ(store.write("x", "y").error().number, xen::XEN_EIO);
}

TEST_F(FrontStore, WithoutARingThereIsNothing)
{
    Store none;
    EXPECT_EQ(none.read("x", room).error().number, xen::XEN_ENOENT);
}

}  // namespace
