// SPDX-License-Identifier: MIT
// Story: a guest's network card meets a backend that serves it, one that goes away and comes back, one that refuses, one that
// keeps pages, and one that lies. Frames cross unharmed; every page is taken back unless it is still mapped; the guest is never
// made to read outside a page or to reuse one that another can write.
#include <gtest/gtest.h>

#include <random>

#include "front/network.hpp"
#include "fake_doors.hpp"
#include "ring/back_ring.hpp"

namespace {

using namespace rf;
using namespace rf::front;

constexpr auto* vif = "device/vif/0";
constexpr auto* vif_backend = "/local/domain/0/backend/rfnet/5/0";

std::vector<std::byte> bytes(std::size_t size, unsigned seed)
{
    std::mt19937 random(seed);
    std::vector<std::byte> result(size);
    for (auto& byte : result)
        byte = static_cast<std::byte>(random());
    return result;
}

class FrontNetwork : public testing::Test {
protected:
    FrontNetwork()
    {
        guest.store.nodes = {{node(vif, "backend"), vif_backend}, {node(vif, "backend-id"), "0"}, {node(vif, "mac"), "00:16:3e:0a:0B:01"},
                             {node(vif, "state"), "1"}, {node(vif_backend, "state"), "2"}, {node(vif_backend, "online"), "1"},
                             {node(vif_backend, "feature-rx-copy"), "1"}};
    }
    static std::string node(std::string directory, const std::string& name) { return directory + "/" + name; }
    void back_state(int state) { guest.store.set(node(vif_backend, "state"), std::to_string(state)); }
    std::string own_state() { return guest.store.nodes[node(vif, "state")]; }
    std::uint32_t own_number(const std::string& name) { return static_cast<std::uint32_t>(std::stoul(guest.store.nodes.at(node(vif, name)))); }

    void join_rings()
    {
        transmit = ring::BackRing<12>{{guest.grants.page(own_number("tx-ring-ref")), page_size}};
        receive = ring::BackRing<8>{{guest.grants.page(own_number("rx-ring-ref")), page_size}};
    }
    /// From InitWait to Connected, on both sides.
    void connect()
    {
        ASSERT_TRUE(card.advance());
        ASSERT_EQ(own_state(), "4");
        ASSERT_FALSE(card.up());
        join_rings();
        back_state(4);
        ASSERT_TRUE(card.changed());
        ASSERT_TRUE(card.advance());
        ASSERT_TRUE(card.up());
    }
    void open_and_connect()
    {
        ASSERT_TRUE(card.open(0));
        connect();
    }
    /// The backend puts one response for the next receive request.
    void deliver(std::span<const std::byte> data, std::uint16_t flags = 0, std::uint16_t offset = 0)
    {
        ASSERT_NE(receive.waiting(), 0u);
        const auto request = receive.take<xen::netif_rx_request>();
        std::memcpy(guest.grants.page(request.gref) + offset, data.data(), data.size());
        receive.put(xen::netif_rx_response{request.id, offset, flags, static_cast<std::int16_t>(data.size())});
        static_cast<void>(receive.publish());
    }
    void respond_raw(xen::netif_rx_response response)
    {
        ASSERT_NE(receive.waiting(), 0u);
        static_cast<void>(receive.take<xen::netif_rx_request>());
        receive.put(response);
        static_cast<void>(receive.publish());
    }
    std::size_t lent() const { return guest.grants.grants.size(); }

    test::FakeGuest guest;
    NetworkCard card{guest.doors()};
    ring::BackRing<12> transmit;
    ring::BackRing<8> receive;
    std::vector<std::byte> room = std::vector<std::byte>(NetworkCard::frame_limit);
};

TEST_F(FrontNetwork, TellsItsRingsBeforeItsState)
{
    open_and_connect();
    EXPECT_EQ(card.address(), (MacAddress{0x00, 0x16, 0x3e, 0x0a, 0x0b, 0x01}));
    EXPECT_EQ(own_number("request-rx-copy"), 1u);
    EXPECT_TRUE(guest.events.open_ports.contains(own_number("event-channel")));
    EXPECT_EQ(guest.store.writes.back(), (std::pair<std::string, std::string>{node(vif, "state"), "4"}));
    EXPECT_EQ(receive.waiting(), NetworkCard::receive_buffers);
    EXPECT_TRUE(card.may_sleep());
}

TEST_F(FrontNetwork, FramesCrossInBothDirections)
{
    open_and_connect();
    for (unsigned round = 0; round < 1000; ++round) {
        const auto outgoing = bytes(1 + round % 1514, round);
        ASSERT_EQ(card.send(outgoing, round % 2 ? NetworkCard::Checksum::blank : NetworkCard::Checksum::complete), NetworkCard::Sent::yes);
        card.flush();
        ASSERT_EQ(transmit.waiting(), 1u);
        const auto request = transmit.take<xen::netif_tx_request>();
        EXPECT_EQ(guest.grants.grants[request.gref].access, GrantAccess::read_only);
        EXPECT_EQ(request.flags, round % 2 ? xen::NETTXF_csum_blank | xen::NETTXF_data_validated : 0);
        ASSERT_EQ(request.size, outgoing.size());
        EXPECT_EQ(std::memcmp(guest.grants.page(request.gref) + request.offset, outgoing.data(), outgoing.size()), 0);
        transmit.put(xen::netif_tx_response{request.id, xen::NETIF_RSP_OKAY});
        static_cast<void>(transmit.publish());

        const auto incoming = bytes(1 + (round * 7) % 1514, round + 5000);
        deliver(incoming, round % 3 == 0 ? xen::NETRXF_csum_blank | xen::NETRXF_data_validated : 0, static_cast<std::uint16_t>(round % 256));
        EXPECT_FALSE(card.may_sleep());
        const auto frame = card.receive(room);
        ASSERT_TRUE(frame);
        EXPECT_TRUE(std::ranges::equal(frame->bytes, incoming));
        EXPECT_EQ(frame->checksum, round % 3 == 0 ? NetworkCard::Checksum::blank : NetworkCard::Checksum::complete);
        EXPECT_FALSE(card.receive(room));
        card.flush();
    }
    EXPECT_EQ(card.dropped(), 0u);
}

TEST_F(FrontNetwork, AFullRingAndWrongSizesAreToldToTheSender)
{
    open_and_connect();
    const auto frame = bytes(60, 1);
    for (unsigned i = 0; i < NetworkCard::transmit_buffers; ++i)
        ASSERT_EQ(card.send(frame, NetworkCard::Checksum::complete), NetworkCard::Sent::yes);
    EXPECT_EQ(card.send(frame, NetworkCard::Checksum::complete), NetworkCard::Sent::ring_full);
    EXPECT_EQ(card.send(bytes(1515, 1), NetworkCard::Checksum::complete), NetworkCard::Sent::bad_size);
    EXPECT_EQ(card.send({}, NetworkCard::Checksum::complete), NetworkCard::Sent::bad_size);
    card.flush();
    EXPECT_TRUE(card.may_sleep());
    const auto request = transmit.take<xen::netif_tx_request>();
    transmit.put(xen::netif_tx_response{request.id, xen::NETIF_RSP_ERROR});
    static_cast<void>(transmit.publish());
    EXPECT_FALSE(card.may_sleep()) << "a sender that found the ring full is woken";
    EXPECT_EQ(card.send(frame, NetworkCard::Checksum::complete), NetworkCard::Sent::yes);
}

TEST_F(FrontNetwork, WhatWasNotOfferedIsDroppedWhole)
{
    open_and_connect();
    const auto data = bytes(1000, 3);
    deliver(data, xen::NETRXF_more_data);
    deliver(data, xen::NETRXF_more_data);
    deliver(data);
    EXPECT_FALSE(card.receive(room));
    EXPECT_EQ(card.dropped(), 3u);
    // segmentation: the slot behind the first holds no id, and one of its bytes looks like a length
    deliver(data, xen::NETRXF_extra_info);
    respond_raw({xen::XEN_NETIF_EXTRA_TYPE_GSO, 0xffff, 0xffff, 0x7fff});
    const auto next = bytes(900, 4);
    deliver(next);
    const auto frame = card.receive(room);
    ASSERT_TRUE(frame) << "the packet behind it is whole again";
    EXPECT_TRUE(std::ranges::equal(frame->bytes, next));
    deliver(data);
    std::byte small[10];
    EXPECT_FALSE(card.receive(small));
}

TEST_F(FrontNetwork, ImpossibleLengthsAreDropped)
{
    open_and_connect();
    for (const auto& [offset, status] : std::vector<std::pair<int, int>>{{0, -1}, {0, 0}, {4000, 200}, {0xffff, 1}, {4096, 1}, {0, 0x7fff}, {0, 1515}}) {
        const std::uint16_t id = static_cast<std::uint16_t>(receive.req_cons() % NetworkCard::receive_buffers);
        respond_raw({id, static_cast<std::uint16_t>(offset), 0, static_cast<std::int16_t>(status)});
        EXPECT_FALSE(card.receive(room)) << offset << " " << status;
    }
    EXPECT_EQ(card.dropped(), 7u);
    deliver(bytes(60, 1));
    EXPECT_TRUE(card.receive(room));
}

TEST_F(FrontNetwork, ALiarLosesTheCardForGood)
{
    for (int lie = 0; lie < 4; ++lie) {
        test::FakeGuest other;
        other.store.nodes = guest.store.nodes;
        NetworkCard victim{other.doors()};
        ASSERT_TRUE(victim.open(0));
        ASSERT_TRUE(victim.advance());
        const auto page_of = [&](const char* name) { return other.grants.page(static_cast<GrantReference>(std::stoul(other.store.nodes[node(vif, name)]))); };
        other.store.set(node(vif_backend, "state"), "4");
        ASSERT_TRUE(victim.advance());
        ASSERT_EQ(victim.send(bytes(60, 1), NetworkCard::Checksum::complete), NetworkCard::Sent::yes);
        victim.flush();
        std::byte* const tx = page_of("tx-ring-ref");
        std::byte* const rx = page_of("rx-ring-ref");
        const std::uint32_t number = 300, one = 1, id = 0x00000bad;
        if (lie == 0)
            std::memcpy(tx + 8, &number, 4);  // more responses than requests
        if (lie == 1)
            std::memcpy(rx + 8, &number, 4);
        if (lie >= 2) {
            std::memcpy((lie == 2 ? tx : rx) + 64, &id, 4);
            std::memcpy((lie == 2 ? tx : rx) + 8, &one, 4);
        }
        EXPECT_FALSE(victim.receive(room)) << lie;
        static_cast<void>(victim.send(bytes(60, 1), NetworkCard::Checksum::complete));
        EXPECT_TRUE(victim.changed()) << lie;
        EXPECT_FALSE(victim.may_sleep());
        ASSERT_TRUE(victim.advance());
        EXPECT_EQ(other.store.nodes[node(vif, "state")], "6");
        EXPECT_TRUE(victim.may_sleep()) << "waits for the backend to let go";
        other.store.set(node(vif_backend, "state"), "6");
        EXPECT_EQ(victim.advance().error().number, xen::XEN_ENODEV);
        EXPECT_TRUE(other.grants.grants.empty());
        EXPECT_FALSE(victim.changed());
        EXPECT_TRUE(other.events.open_ports.empty());
    }
}

TEST_F(FrontNetwork, ABackendThatClosesMayComeBack)
{
    open_and_connect();
    for (int round = 0; round < 5; ++round) {
        back_state(5);
        ASSERT_TRUE(card.advance());
        EXPECT_EQ(own_state(), "6");
        EXPECT_FALSE(card.up());
        EXPECT_NE(lent(), 0u) << "the backend has not let go yet";
        EXPECT_EQ(card.send(bytes(60, 1), NetworkCard::Checksum::complete), NetworkCard::Sent::link_down);
        back_state(6);
        ASSERT_TRUE(card.advance());
        EXPECT_EQ(lent(), 0u);
        EXPECT_EQ(own_state(), "1") << "ready for the next one";
        back_state(2);
        connect();
        deliver(bytes(60, 9));
        EXPECT_TRUE(card.receive(room));
    }
}

TEST_F(FrontNetwork, ABackendThatVanishesAndBeginsAnewIsJoined)
{
    open_and_connect();
    guest.store.remove(node(vif_backend, "state"));
    ASSERT_TRUE(card.advance());
    EXPECT_EQ(lent(), 0u);
    EXPECT_EQ(own_state(), "6");
    EXPECT_TRUE(card.may_sleep());
    back_state(2);
    ASSERT_TRUE(card.changed());
    connect();
}

TEST_F(FrontNetwork, ABackendThatIsReplacedFindsTheRingsWhereTheyWere)
{
    open_and_connect();
    deliver(bytes(60, 1));
    ASSERT_EQ(card.send(bytes(60, 2), NetworkCard::Checksum::complete), NetworkCard::Sent::yes);
    card.flush();
    const auto writes = guest.store.writes.size();
    back_state(2);
    ASSERT_TRUE(card.advance());
    EXPECT_EQ(card.send(bytes(60, 4), NetworkCard::Checksum::complete), NetworkCard::Sent::yes) << "the ring keeps it";
    card.flush();
    join_rings();
    back_state(4);
    ASSERT_TRUE(card.advance());
    EXPECT_TRUE(card.up());
    EXPECT_EQ(guest.store.writes.size(), writes) << "a change of state that passed unseen would leave each side with rings of its own";
    EXPECT_TRUE(card.receive(room));
    EXPECT_EQ(transmit.waiting(), 2u);
    deliver(bytes(60, 3));
    EXPECT_TRUE(card.receive(room));
}

TEST_F(FrontNetwork, ADeviceThatIsTakenAwayStaysAway)
{
    open_and_connect();
    guest.store.set(node(vif_backend, "online"), "0");
    back_state(5);
    ASSERT_TRUE(card.advance());
    back_state(6);
    ASSERT_TRUE(card.advance());
    EXPECT_EQ(own_state(), "6");
    EXPECT_EQ(lent(), 0u);
}

TEST_F(FrontNetwork, ABackendThatRefusesIsAskedThreeTimes)
{
    ASSERT_TRUE(card.open(0));
    for (int attempt = 1; attempt <= 3; ++attempt) {
        back_state(2);
        ASSERT_TRUE(card.advance());
        ASSERT_EQ(own_state(), "4");
        back_state(5);
        ASSERT_TRUE(card.advance());
        back_state(6);
        const auto answer = card.advance();
        EXPECT_EQ(answer.has_value(), attempt < 3);
    }
    EXPECT_EQ(own_state(), "6");
    EXPECT_EQ(lent(), 0u);
    EXPECT_EQ(guest.store.live_watches(), 0u);
}

TEST_F(FrontNetwork, PagesThatAreStillMappedAreNotReused)
{
    open_and_connect();
    const auto kept = own_number("rx-ring-ref");
    auto* const page = guest.grants.page(kept);
    guest.grants.still_mapped.insert(kept);
    back_state(5);
    ASSERT_TRUE(card.advance());
    back_state(6);
    ASSERT_TRUE(card.advance());
    EXPECT_EQ(lent(), 1u);
    EXPECT_TRUE(guest.pages.pages.contains(page)) << "the allocator must not see it again";
}

TEST_F(FrontNetwork, CloseTakesLeaveAndTakesAllBack)
{
    open_and_connect();
    guest.events.other_side = [&] {
        if (own_state() == "5")
            back_state(5);
        if (own_state() == "6")
            back_state(6);
    };
    ASSERT_TRUE(card.close());
    EXPECT_EQ(own_state(), "6");
    EXPECT_EQ(lent(), 0u);
    EXPECT_TRUE(guest.pages.pages.empty());
    EXPECT_EQ(guest.store.live_watches(), 0u);
    EXPECT_TRUE(card.close());
    EXPECT_EQ(card.advance().error().number, xen::XEN_ENODEV);
}

TEST_F(FrontNetwork, WithoutMemoryGrantsOrCopiesItSaysSoAndKeepsNothing)
{
    ASSERT_TRUE(card.open(0));
    guest.pages.limit = 20;
    EXPECT_EQ(card.advance().error().number, xen::XEN_ENOMEM);
    EXPECT_EQ(lent(), 0u);
    EXPECT_TRUE(guest.pages.pages.empty());
    guest.pages.limit = 1000;
    guest.grants.limit = 30;
    EXPECT_EQ(card.advance().error().number, xen::XEN_ENOSPC);
    EXPECT_EQ(lent(), 0u);
    guest.grants.limit = 500;
    guest.store.nodes.erase(node(vif_backend, "feature-rx-copy"));
    EXPECT_EQ(card.advance().error().number, xen::XEN_EOPNOTSUPP);
    guest.store.set(node(vif_backend, "feature-rx-copy"), "1");
    connect();
}

TEST_F(FrontNetwork, BadDirectoriesAreRefused)
{
    for (const auto& [name, value, error] : std::vector<std::tuple<std::string, std::string, long>>{
             {"mac", "00:16:3e:00:01", xen::XEN_EINVAL}, {"mac", "01:16:3e:00:01:02", xen::XEN_EINVAL}, {"mac", "00-16-3e-00-01-02", xen::XEN_EINVAL},
             {"backend-id", "99999", xen::XEN_EINVAL}, {"backend-id", "-1", xen::XEN_EINVAL}, {"backend", std::string(127, 'x'), xen::XEN_EINVAL}}) {
        test::FakeGuest other;
        other.store.nodes = guest.store.nodes;
        other.store.nodes[node(vif, name)] = value;
        NetworkCard victim{other.doors()};
        EXPECT_EQ(victim.open(0).error().number, error) << name << " " << value;
    }
    EXPECT_EQ(NetworkCard::first_number(guest.store), 0u);
    guest.store.nodes.clear();
    EXPECT_EQ(NetworkCard::first_number(guest.store).error().number, xen::XEN_ENOENT);
}

TEST_F(FrontNetwork, ARandomBackendNeverMakesItLeaveItsPages)
{
    for (unsigned seed = 0; seed < 300; ++seed) {
        test::FakeGuest other;
        other.store.nodes = guest.store.nodes;
        NetworkCard victim{other.doors()};
        ASSERT_TRUE(victim.open(0));
        std::mt19937 random(seed);
        for (unsigned step = 0; step < 200; ++step) {
            if (random() % 3 == 0)
                other.store.set(node(vif_backend, "state"), std::to_string(random() % 10));
            else if (random() % 2 == 0)
                other.store.set(node(vif_backend, "state"), victim.up() || random() % 2 ? "4" : "2");
            if (!victim.advance() && !victim.changed())
                break;
            for (const char* name : {"tx-ring-ref", "rx-ring-ref"}) {
                const auto found = other.store.nodes.find(node(vif, name));
                std::byte* const page = found == other.store.nodes.end() ? nullptr : other.grants.page(static_cast<GrantReference>(std::stoul(found->second)));
                if (page == nullptr)
                    continue;
                const std::uint32_t index = random() % 8;
                std::memcpy(page + 8, &index, 4);
                for (std::size_t at = 64; at < 160; at += 4) {
                    const std::uint32_t word = random() % 4 ? static_cast<std::uint32_t>((at - 64) / 8 | (random() % 2 << 16)) : static_cast<std::uint32_t>(random());
                    std::memcpy(page + at, &word, 4);
                }
            }
            while (victim.receive(room)) {
            }
            static_cast<void>(victim.send(bytes(random() % 1600, seed), NetworkCard::Checksum::complete));
            victim.flush();
            static_cast<void>(victim.may_sleep());
        }
    }
}

}  // namespace
