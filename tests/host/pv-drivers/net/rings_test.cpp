// SPDX-License-Identifier: MIT
// Story: a guest sends and receives packets through real rings over pages it grants; on the host's side is a port that keeps
// what it gets and hands out what it is given. Every slot is answered once and in order, bytes arrive as they were, and a
// backend that dies between any two of its steps is succeeded without the guest noticing more than a lost packet.
#include <deque>
#include <random>

#include <gtest/gtest.h>

#include "fake_guest.hpp"
#include "net/packets.hpp"
#include "net/receive.hpp"
#include "net/slots.hpp"
#include "net/transmit.hpp"
#include "ring/front_ring.hpp"

namespace rf {
namespace {

using namespace rf::net;
using namespace rf::test;
using namespace std::chrono_literals;

class FakePort final : public PacketPort {
public:
    struct Sent {
        TapHeader header;
        Packet bytes;
    };
    std::vector<Sent> sent;
    IncomingPackets incoming;
    int write_error = 0;
    unsigned reads = 0, writes = 0;
    std::size_t most_at_once = 0;

    void read(std::span<Transfer> transfers, ExpectedPackets) override
    {
        reads += static_cast<unsigned>(transfers.size());
        incoming.read(transfers);
        most_at_once = std::max(most_at_once, transfers.size());
    }
    void write(std::span<Transfer> transfers) override
    {
        ++writes;
        for (Transfer& transfer : transfers) {
            transfer.result = write_error != 0 ? -write_error : static_cast<long>(transfer.framed.size());
            if (write_error != 0)
                continue;
            Sent& packet = sent.emplace_back();
            std::memcpy(&packet.header, transfer.framed.data(), sizeof packet.header);
            packet.bytes.assign(transfer.framed.begin() + sizeof packet.header, transfer.framed.end());
        }
    }
    int descriptor() const override { return -1; }
};

class NetRings : public testing::Test {
protected:
    FakeGuest guest{400};
    xen::GrantMapper mapper = *xen::GrantMapper::open(guest);
    xen::EventChannels events = *xen::EventChannels::open(guest);
    std::vector<std::byte> arena = std::vector<std::byte>(512 * 1024);
    Clock::time_point now{};
    std::vector<std::string> logged;
    FakePort port;
    TokenBucket bucket;
    std::vector<std::byte> tx_memory = std::vector<std::byte>(Transmit::Log::bytes);
    std::vector<std::byte> rx_memory = std::vector<std::byte>(Receive::Log::bytes);
    ring::FrontRing<12> tx{guest.page(0)};
    ring::FrontRing<8> rx{guest.page(1)};
    FrontFeatures features{true, true, true, true, true};
    std::unique_ptr<Transmit> transmit;
    std::unique_ptr<Receive> receive;
    ring::Notify notify = ring::Notify::no;

    void SetUp() override
    {
        for (std::uint32_t i = 0; i < 400; ++i)
            guest.grant(1000 + i, i);
        make();
        transmit->start_fresh();
        receive->start_fresh();
    }
    void make()
    {
        const Doors doors{mapper, events, arena, [this] { return now; }, [this](const std::string& text) { logged.push_back(text); }};
        const auto ring = [&](std::uint32_t page) {
            return *mapper.map(FakeGuest::domain, xen::GrantRef(1000 + page), xen::Access::read_write);
        };
        transmit = std::make_unique<Transmit>(doors, FakeGuest::domain, ring(0), port, bucket, Transmit::Log(tx_memory));
        receive = std::make_unique<Receive>(doors, FakeGuest::domain, ring(1), port, features, 1500, Receive::Log(rx_memory));
    }
    void send(std::initializer_list<TxSlot> slots)
    {
        for (const TxSlot& slot : slots)
            ASSERT_TRUE(tx.put(slot));
        (void)tx.publish();
    }
    void put(std::uint32_t page, std::size_t offset, std::span<const std::byte> bytes)
    {
        std::copy(bytes.begin(), bytes.end(), guest.page(page).begin() + static_cast<std::ptrdiff_t>(offset));
    }
    std::vector<std::pair<int, int>> answers()
    {
        std::vector<std::pair<int, int>> result;
        while (tx.waiting() != 0) {
            const auto response = tx.take<::xen::netif_tx_response>();
            result.emplace_back(response.id, response.status);
        }
        return result;
    }
    /// Offers pages 100.. for receiving.
    void offer(unsigned count)
    {
        for (unsigned i = 0; i < count; ++i) {
            ::xen::netif_rx_request request{};
            request.id = static_cast<std::uint16_t>(next_offer % 256);
            request.gref = 1100 + next_offer % 256;
            ++next_offer;
            ASSERT_TRUE(rx.put(request));
        }
        (void)rx.publish();
    }
    std::uint32_t next_offer = 0;
};

TEST_F(NetRings, SendsPiecesAsOnePacket)
{
    const Packet packet = tcp_v4(5000);
    const auto bytes = std::span(packet);
    put(20, 10, bytes.first(954));
    put(21, 0, bytes.subspan(954, 4096));
    put(22, 3000, bytes.subspan(954 + 4096));
    send({piece(1020, 10, more | with_extra | blank, 7, static_cast<unsigned>(packet.size())), gso(1, 1448),
          piece(1021, 0, more, 8, 4096), piece(1022, 3000, 0, 9, static_cast<unsigned>(packet.size() - 954 - 4096))});
    EXPECT_FALSE(transmit->turn(notify).more);
    EXPECT_EQ(notify, ring::Notify::yes);
    ASSERT_EQ(port.sent.size(), 1u);
    EXPECT_EQ(port.sent[0].bytes, packet);
    EXPECT_EQ(port.sent[0].header.gso_size, 1448);
    EXPECT_EQ(answers(), (std::vector<std::pair<int, int>>{{7, 0}, {0, 1}, {8, 0}, {9, 0}}));
}

TEST_F(NetRings, SendsWhatIsThereAtOnceAndInOrder)
{
    for (unsigned i = 0; i < 20; ++i) {
        put(20 + i, 0, tcp_v4(10 + i));
        send({piece(1020 + i, 0, 0, i, 64 + i)});
    }
    (void)transmit->turn(notify);
    EXPECT_EQ(port.writes, 1u);
    ASSERT_EQ(port.sent.size(), 20u);
    for (unsigned i = 0; i < 20; ++i)
        EXPECT_EQ(port.sent[i].bytes, tcp_v4(10 + i));
}

TEST_F(NetRings, BadPacketsAreAnsweredInOrderAndHarmNoOther)
{
    put(20, 0, tcp_v4(10));
    send({piece(1020, 0, 0, 1, 64), piece(9999, 0, 0, 2, 64), piece(1020, 0, 0, 3, 5), piece(1020, 0, 0, 4, 64)});
    (void)transmit->turn(notify);
    EXPECT_EQ(port.sent.size(), 2u);
    EXPECT_EQ(answers(), (std::vector<std::pair<int, int>>{{1, 0}, {2, -1}, {3, -1}, {4, 0}}));
    Packet icmp = ethernet(0x0800);
    add_ip_v4(icmp, 1, 30);
    add_payload(icmp, 30);
    put(20, 0, icmp);
    send({piece(1020, 0, blank, 5, 64)});
    (void)transmit->turn(notify);
    EXPECT_EQ(port.sent.size(), 2u);
    EXPECT_EQ(answers(), (std::vector<std::pair<int, int>>{{5, -1}})) << "a checksum nobody can compute";
}

TEST_F(NetRings, FullHostLosesPacketsButAnswers)
{
    put(20, 0, tcp_v4(10));
    port.write_error = EAGAIN;
    send({piece(1020, 0, 0, 1, 64)});
    (void)transmit->turn(notify);
    EXPECT_EQ(answers(), (std::vector<std::pair<int, int>>{{1, 0}}));
}

TEST_F(NetRings, BrokenProtocolEndsServiceOnceAndForAll)
{
    put(20, 0, tcp_v4(10));
    send({piece(1020, 0, 0, 1, 64), piece(1020, 4000, 0, 2, 640)});
    (void)transmit->turn(notify);
    EXPECT_TRUE(transmit->broken());
    EXPECT_EQ(logged.size(), 1u);
    EXPECT_EQ(answers().size(), 1u) << "what came before is answered";
    send({piece(1020, 0, 0, 3, 64)});
    for (int i = 0; i < 10; ++i)
        (void)transmit->turn(notify);
    EXPECT_EQ(logged.size(), 1u) << "the log cannot be flooded";
    EXPECT_EQ(port.sent.size(), 1u);
}

TEST_F(NetRings, RateLimitHoldsPacketsBackInTheGuest)
{
    put(20, 0, tcp_v4(900));
    bucket = TokenBucket(Rate{10000, 10ms}, now);
    std::size_t offered = 0;
    std::optional<Clock::time_point> at;
    while (!at && offered < 1000) {
        send({piece(1020, 0, 0, 1, 900)});
        ++offered;
        at = transmit->turn(notify).at;
        (void)answers();
    }
    ASSERT_TRUE(at) << "128 KiB of burst end before " << offered << " packets";
    const std::size_t before = port.sent.size();
    EXPECT_EQ(before, offered - 1);
    EXPECT_GT(*at, now);
    (void)transmit->turn(notify);
    EXPECT_EQ(port.sent.size(), before);
    now = *at;
    (void)transmit->turn(notify);
    EXPECT_EQ(port.sent.size(), offered);
}

TEST_F(NetRings, ReceivesLargePacketsInPages)
{
    offer(64);
    Packet packet = tcp_v4(9000);
    TapHeader header;
    header.flags = tap_needs_checksum;
    header.csum_start = 34;
    header.csum_offset = 16;
    header.gso_type = tap_gso_tcp_v4;
    header.gso_size = 1448;
    port.incoming.push_back(header, packet);
    EXPECT_FALSE(receive->turn(notify).more);
    ASSERT_EQ(rx.waiting(), 4u) << "three pages and what is told of segments";
    const auto first = rx.take<::xen::netif_rx_response>();
    EXPECT_EQ(first.flags, ::xen::NETRXF_csum_blank | ::xen::NETRXF_data_validated | ::xen::NETRXF_more_data | ::xen::NETRXF_extra_info);
    EXPECT_EQ(first.status, 4096);
    const auto extra_slot = rx.take<::xen::netif_extra_info>();
    EXPECT_EQ(extra_slot.type, ::xen::XEN_NETIF_EXTRA_TYPE_GSO);
    EXPECT_EQ(extra_slot.u.gso.size, 1448);
    EXPECT_EQ(extra_slot.u.gso.type, ::xen::XEN_NETIF_GSO_TYPE_TCPV4);
    const auto second = rx.take<::xen::netif_rx_response>();
    const auto third = rx.take<::xen::netif_rx_response>();
    EXPECT_EQ(second.flags, ::xen::NETRXF_more_data);
    EXPECT_EQ(third.flags, 0);
    EXPECT_EQ(third.id, 3) << "the page of the extra slot stays empty";
    Packet got;
    for (const auto& [page, bytes] : {std::pair{100, first.status}, {102, second.status}, {103, third.status}})
        got.insert(got.end(), guest.page(static_cast<std::size_t>(page)).begin(), guest.page(static_cast<std::size_t>(page)).begin() + bytes);
    EXPECT_EQ(got, packet);
}

// A large packet is a line of headers and then whole pages. Wherever the packets before it ended, each page comes into one page of
// ours; so does each packet that is smaller than a page, and each page that a received packet fills.
TEST_F(NetRings, CopiesAreNotSplitBetweenPages)
{
    for (const unsigned before : {0u, 64u, 1000u, 1514u}) {
        const Packet packet = tcp_v4(9000);
        const auto bytes = std::span(packet);
        const std::size_t last = packet.size() - 66 - 1096 - 4096;
        put(20, 300, tcp_v4(before));
        put(21, 128, bytes.first(66));
        put(22, 3000, bytes.subspan(66, 1096));
        put(23, 0, bytes.subspan(66 + 1096, 4096));
        put(24, 0, bytes.last(last));
        send({piece(1020, 300, 0, 1, 54 + before), piece(1020, 300, 0, 2, 54 + before),
              piece(1021, 128, more | with_extra | blank, 3, static_cast<unsigned>(packet.size())), gso(1, 1448),
              piece(1022, 3000, more, 4, 1096), piece(1023, 0, more, 5, 4096), piece(1024, 0, 0, 6, static_cast<unsigned>(last))});
        (void)transmit->turn(notify);
        ASSERT_EQ(port.sent.size(), 3u);
        EXPECT_EQ(port.sent[2].bytes, packet);
        EXPECT_EQ(answers().size(), 7u);
        port.sent.clear();
    }
    offer(64);
    for (const unsigned bytes : {100u, 9000u, 1000u, 60000u})
        port.incoming.push_back({}, tcp_v4(bytes));
    (void)receive->turn(notify);
    EXPECT_GT(guest.copied_segments, 40u);
    EXPECT_EQ(guest.split_copies, 0u);
}

TEST_F(NetRings, WaitsInTheTapUntilTheGuestOffersPages)
{
    offer(17);
    port.incoming.push_back({}, tcp_v4(100));
    (void)receive->turn(notify);
    EXPECT_EQ(port.incoming.size(), 1u) << "the largest packet would not fit";
    EXPECT_FALSE(receive->wants_packets());
    offer(1);
    (void)receive->turn(notify);
    EXPECT_EQ(port.incoming.size(), 0u);
    ASSERT_EQ(rx.waiting(), 1u);
    EXPECT_EQ(rx.take<::xen::netif_rx_response>().status, 154);
}

// Looking at a tap costs a system call: one that was found empty is left alone until somebody says that packets wait.
TEST_F(NetRings, LooksAtAnEmptyTapOnlyWhenTold)
{
    offer(64);
    EXPECT_FALSE(receive->wants_packets()) << "what is there already has not been looked for";
    EXPECT_FALSE(receive->turn(notify).more);
    EXPECT_TRUE(receive->wants_packets());
    EXPECT_EQ(port.reads, 1u);
    port.incoming.push_back({}, tcp_v4(100));
    (void)receive->turn(notify);
    EXPECT_EQ(port.reads, 1u);
    receive->packets_wait();
    EXPECT_TRUE(receive->turn(notify).worked);
    EXPECT_EQ(port.reads, 2u) << "after a rest, one packet is taken for the last";
    EXPECT_EQ(rx.waiting(), 1u);
    EXPECT_TRUE(receive->wants_packets());
}

// Packets that come one at a time, with other work in between, cost one look each; of several all are taken, by the second
// look at the latest. None stays behind: the tap says that it has more, which is `packets_wait`.
TEST_F(NetRings, LearnsWhetherPacketsComeAlone)
{
    const auto come = [this](unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            port.incoming.push_back({}, tcp_v4(100));
        unsigned turns = 0;
        for (; !port.incoming.empty() && turns < 1000; ++turns) {
            receive->packets_wait();
            (void)receive->turn(notify);
        }
        EXPECT_EQ(rx.waiting(), count);
        while (rx.waiting() != 0)
            (void)rx.take<::xen::netif_rx_response>();
        offer(count);
        (void)receive->turn(notify);
        return turns;
    };
    offer(200);
    (void)receive->turn(notify);
    (void)receive->turn(notify);
    port.reads = 0;
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(come(1), 1u);
    EXPECT_EQ(port.reads, 1000u);
    EXPECT_EQ(come(60), 2u);
    EXPECT_EQ(come(60), 1u);
    EXPECT_EQ(come(1), 1u) << "asked, and found to be alone again";
    port.reads = 0;
    EXPECT_EQ(come(1), 1u);
    EXPECT_EQ(port.reads, 1u);
    EXPECT_TRUE(receive->wants_packets());
}

TEST_F(NetRings, BadReceivePageIsAnErrorForItsSlot)
{
    features = {};
    make();
    receive->start_fresh();
    offer(2);
    guest.revoke(1100);
    port.incoming.push_back({}, tcp_v4(100));
    port.incoming.push_back({}, tcp_v4(100));
    (void)receive->turn(notify);
    ASSERT_EQ(rx.waiting(), 2u);
    EXPECT_EQ(rx.take<::xen::netif_rx_response>().status, ::xen::NETIF_RSP_ERROR);
    EXPECT_EQ(rx.take<::xen::netif_rx_response>().status, 154);
}

// While large packets come, several are read at once, but never more than the guest has pages for; all arrive as they were.
TEST_F(NetRings, ReadsLargePacketsSeveralAtATime)
{
    std::deque<Packet> expected;
    std::mt19937 random(3);
    offer(250);
    for (unsigned i = 0; i < 40; ++i) {
        expected.push_back(tcp_v4(i % 9 == 8 ? 100 : 20000 + random() % 40000));
        port.incoming.push_back({}, expected.back());
    }
    for (unsigned turns = 0; !expected.empty() && turns < 100; ++turns) {
        receive->packets_wait();
        (void)receive->turn(notify);
        while (rx.waiting() != 0) {
            Packet got;
            bool more = true;
            while (more && rx.waiting() != 0) {
                const auto part = rx.take<::xen::netif_rx_response>();
                ASSERT_GT(part.status, 0);
                const auto page = guest.page(100 + part.id);
                got.insert(got.end(), page.begin(), page.begin() + part.status);
                more = (part.flags & ::xen::NETRXF_more_data) != 0;
                offer(1);
            }
            ASSERT_FALSE(expected.empty());
            EXPECT_EQ(got, expected.front());
            expected.pop_front();
        }
        EXPECT_FALSE(receive->broken());
    }
    EXPECT_TRUE(expected.empty());
    EXPECT_GT(port.most_at_once, 4u);
}

TEST_F(NetRings, PacketsTooLargeForTheOfferAreLost)
{
    features = {.scatter_gather = true};
    make();
    receive->start_fresh();
    offer(4);
    port.incoming.push_back({}, tcp_v4(9000));
    port.incoming.push_back({}, tcp_v4(100));
    (void)receive->turn(notify);
    EXPECT_FALSE(receive->broken());
    ASSERT_EQ(rx.waiting(), 1u) << "somebody raised the tap's MTU behind our back";
}

TEST_F(NetRings, SuccessorGoesOnWithoutAnsweringTwice)
{
    std::mt19937 random(15);
    unsigned next_id = 0;
    unsigned expected = 0;
    put(20, 0, tcp_v4(10));
    unsigned kills = 0;
    for (int step = 0; step < 20000; ++step) {
        switch (random() % 4) {
        case 0:
            for (unsigned i = random() % 20; i > 0 && tx.free_slots() > 0; --i)
                ASSERT_TRUE(tx.put(piece(1020, 0, 0, next_id++ % 65536, 64)));
            (void)tx.publish();
            break;
        case 1: (void)transmit->turn(notify); break;
        case 2:
            for (const auto& [id, status] : answers()) {
                ASSERT_EQ(static_cast<unsigned>(id), expected % 65536);
                ASSERT_EQ(status, 0);
                ++expected;
            }
            break;
        case 3:
            ++kills;
            transmit.reset();
            receive.reset();
            make();
            transmit->resume();
            receive->resume();
            break;
        }
        ASSERT_FALSE(tx.broken());
    }
    EXPECT_GT(kills, 1000u);
}

TEST_F(NetRings, HalfWrittenAnswersAreWrittenAgain)
{
    // The moment between the batch in the log and the published index, restored by hand.
    put(20, 0, tcp_v4(10));
    send({piece(1020, 0, 0, 11, 64), piece(1020, 0, 0, 12, 64)});
    (void)transmit->turn(notify);
    auto* head = reinterpret_cast<std::uint64_t*>(tx_memory.data());
    ASSERT_EQ(*head, 2u) << "at index 2, nothing half-way";
    *head = std::uint64_t{2} << 32;  // position 0, two responses not shown
    reinterpret_cast<std::uint32_t*>(guest.page(0).data())[2] = 0;
    std::memset(guest.page(0).data() + 64, 0xff, 24);
    transmit.reset();
    make();
    transmit->resume();
    EXPECT_EQ(answers(), (std::vector<std::pair<int, int>>{{11, 0}, {12, 0}}));
    EXPECT_EQ(*head, 2u);
    // And the moment right after: the index is shown, so the guest's new requests must not be overwritten.
    *head = std::uint64_t{2} << 32;
    transmit.reset();
    make();
    transmit->resume();
    EXPECT_TRUE(answers().empty());
    send({piece(1020, 0, 0, 13, 64)});
    (void)transmit->turn(notify);
    EXPECT_EQ(answers(), (std::vector<std::pair<int, int>>{{13, 0}}));
}

}  // namespace
}  // namespace rf
