// SPDX-License-Identifier: MIT
// Story: a guest fills its transmit ring with whatever it likes.
//
// First the parser alone reads random chains of slots (a fixed seed): what it passes must keep its promise, what it calls
// bad must say how far it goes. Then a real ring: random chains of slots over pages full of random headers. Nothing may
// reach the host but whole packets, each slot is answered at most once and in order, and once the protocol is broken nothing
// more is served until the guest connects anew.
#include <random>

#include <gtest/gtest.h>

#include "fake_guest.hpp"
#include "net/packets.hpp"
#include "net/slots.hpp"
#include "net/transmit.hpp"
#include "net/watched_port.hpp"
#include "ring/front_ring.hpp"

namespace rf {
namespace {

using namespace rf::net;
using namespace rf::test;

constexpr std::uint32_t guest_pages = 32;
constexpr std::uint32_t first_ref = 1000;

class Generator {
public:
    std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
    bool one_in(std::uint32_t count) { return below(count) == 0; }

    /// A slot of random meaning; mostly flags that exist and pieces within a page.
    TxSlot slot()
    {
        if (one_in(8))
            return TxSlot{{static_cast<std::uint32_t>(random_()), static_cast<std::uint32_t>(random_()), static_cast<std::uint32_t>(random_())}};
        const std::uint32_t offset = below(4096);
        const std::uint32_t size = one_in(6) ? below(65536) : below(4096 - offset + 1);
        return piece(reference(), one_in(10) ? below(65536) : offset, flags(), below(65536), size);
    }
    TxSlot extra_slot()
    {
        if (one_in(3))
            return extra(below(8), below(4) == 0 ? 1 : 0);
        return gso(below(4), one_in(4) ? below(65536) : 1448, one_in(4) ? 1 : 0);
    }
    /// A packet as an honest guest would send it, but for what is spoilt here and there.
    std::vector<TxSlot> packet()
    {
        const std::uint32_t pieces = 1 + below(one_in(10) ? 25 : 5);
        std::vector<std::uint32_t> sizes;
        std::uint32_t total = 0;
        for (std::uint32_t i = 0; i < pieces; ++i) {
            sizes.push_back(one_in(200) ? 0 : 60 + below(one_in(4) ? 3500 : 300));
            total += sizes.back();
        }
        std::vector<TxSlot> slots;
        const bool with_gso = one_in(3);
        for (std::uint32_t i = 0; i < pieces; ++i) {
            const std::uint32_t chain = i + 1 < pieces ? more : 0;
            const std::uint32_t first = i == 0 ? (with_gso ? with_extra | blank : one_in(2) ? blank : 0) : 0;
            slots.push_back(piece(reference(), one_in(2) ? 0 : below(500), chain | first, below(256), (i == 0 ? total : sizes[i]) & 0xffff));
            if (i == 0 && with_gso)
                slots.push_back(one_in(20) ? extra_slot() : gso(1 + below(2), 1448));
        }
        return slots;
    }
    std::mt19937& engine() { return random_; }

private:
    std::uint32_t flags() { return one_in(10) ? below(65536) : below(16); }
    std::uint32_t reference() { return one_in(50) ? static_cast<std::uint32_t>(random_()) : first_ref + 2 + below(guest_pages - 2); }

    std::mt19937 random_{815};
};

TEST(HostilePackets, ParserKeepsItsPromise)
{
    Generator generator;
    unsigned fates[3] = {};
    for (int round = 0; round < 60'000; ++round) {
        std::vector<TxSlot> slots = generator.one_in(2) ? generator.packet() : std::vector<TxSlot>{};
        for (std::uint32_t more_slots = generator.below(6); more_slots > 0; --more_slots)
            slots.insert(slots.begin() + generator.below(static_cast<std::uint32_t>(slots.size()) + 1),
                         generator.one_in(4) ? generator.extra_slot() : generator.slot());
        TxPacket packet;
        const TxVerdict verdict = parse_packet(slots, packet);
        ++fates[static_cast<int>(verdict.fate)];
        if (verdict.fate == TxFate::fatal)
            continue;
        ASSERT_GE(packet.slots, 1u);
        ASSERT_LE(packet.slots, slots.size());
        ASSERT_LT(packet.extra_slots, packet.slots);
        if (verdict.fate == TxFate::drop)
            continue;
        ASSERT_GE(packet.fragment_count, 1u);
        ASSERT_LE(packet.fragment_count, TxPacket::max_fragments);
        ASSERT_EQ(packet.fragment_count + packet.extra_slots, packet.slots);
        std::uint32_t sum = 0;
        for (std::uint32_t i = 0; i < packet.fragment_count; ++i) {
            ASSERT_GT(packet.fragments[i].bytes, 0u);
            ASSERT_LE(packet.fragments[i].offset + std::uint32_t{packet.fragments[i].bytes}, 4096u);
            sum += packet.fragments[i].bytes;
        }
        ASSERT_EQ(sum, packet.bytes);
        ASSERT_TRUE(packet.segmentation == Segmentation::none || packet.segment_bytes != 0);
    }
    for (const unsigned count : fates)
        EXPECT_GT(count, 300u) << "the test does not reach all fates";
}

class HostileRing : public testing::Test {
protected:
    FakeGuest guest{guest_pages};
    xen::GrantMapper mapper = *xen::GrantMapper::open(guest);
    std::vector<std::byte> arena = std::vector<std::byte>(512 * 1024);
    xen::EventChannels events = *xen::EventChannels::open(guest);
    WatchedPort port;
    TokenBucket bucket;
    std::vector<std::byte> log_memory = std::vector<std::byte>(Transmit::Log::bytes);
    unsigned complaints = 0;
    std::unique_ptr<ring::FrontRing<12>> tx;
    std::unique_ptr<Transmit> transmit;
    ring::Notify notify = ring::Notify::no;

    void SetUp() override
    {
        for (std::uint32_t i = 0; i < guest_pages; ++i)
            guest.grant(first_ref + i, i);
    }
    void connect()
    {
        transmit.reset();
        tx = std::make_unique<ring::FrontRing<12>>(guest.page(0));
        transmit = std::make_unique<Transmit>(
            Doors{mapper, events, arena, [] { return Clock::time_point{}; }, [this](const std::string&) { ++complaints; }},
            FakeGuest::domain, *mapper.map(FakeGuest::domain, xen::GrantRef(first_ref), xen::Access::read_write), port, bucket,
            Transmit::Log(log_memory));
        transmit->start_fresh();
    }
    /// Pages with headers that are right, nearly right or rubbish.
    void fill_pages(Generator& generator)
    {
        for (std::uint32_t page = 2; page < guest_pages; ++page) {
            const auto bytes = guest.page(page);
            for (std::byte& byte : bytes)
                byte = static_cast<std::byte>(generator.engine()());
            const Packet good = tcp_v4(1000);
            for (std::size_t at = 0; page % 3 != 0 && at < 500; ++at)
                bytes[at] = good[at % 54];
            for (unsigned spoilt = page % 3 == 1 ? 0 : 4; spoilt > 0; --spoilt)
                bytes[generator.below(60)] = static_cast<std::byte>(generator.engine()());
        }
    }
};

TEST_F(HostileRing, BringsOnlyWholePacketsToTheHost)
{
    Generator generator;
    unsigned connections = 0, answered = 0;
    connect();
    for (int round = 0; round < 6'000; ++round) {
        if (round % 100 == 0)
            fill_pages(generator);
        std::vector<TxSlot> slots;
        for (std::uint32_t packets = generator.below(12); packets > 0; --packets) {
            const auto packet = generator.packet();
            slots.insert(slots.end(), packet.begin(), packet.end());
        }
        if (generator.one_in(5))
            slots.insert(slots.begin() + generator.below(static_cast<std::uint32_t>(slots.size()) + 1), generator.slot());
        std::uint32_t put = 0;
        for (const TxSlot& slot : slots)
            put += tx->put(slot) ? 1 : 0;
        (void)tx->publish();
        if (generator.one_in(500))
            *reinterpret_cast<std::uint32_t*>(guest.page(0).data()) += generator.below(2) == 0 ? 5000 : 0x80000000u;
        for (int turns = 0; turns < 16 && transmit->turn(notify).more; ++turns) {
        }
        std::uint32_t got = 0;
        for (; tx->waiting() != 0; ++got) {
            const auto response = tx->take<::xen::netif_tx_response>();
            ASSERT_TRUE(response.status >= -1 && response.status <= 1) << response.status;
        }
        answered += got;
        ASSERT_FALSE(tx->broken()) << "more answers than slots";
        if (!transmit->broken()) {
            ASSERT_EQ(got, put) << "in round " << round;
            continue;
        }
        const unsigned before = port.packets;
        (void)transmit->turn(notify);
        ASSERT_EQ(port.packets, before) << "a broken ring is served";
        ++connections;
        connect();
    }
    EXPECT_GT(connections, 30u);
    EXPECT_LE(complaints, connections);
    EXPECT_GT(answered, 5'000u);
    EXPECT_GT(port.packets, 2'000u);
    EXPECT_GT(port.large, 200u);
}

}  // namespace
}  // namespace rf
