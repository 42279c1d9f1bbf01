// SPDX-License-Identifier: MIT
/// Fuzzer of the network backend against a hostile frontend: its slots, its packets' bytes, its rings' own words, its grants;
/// and packets of any kind from the host. The host must see whole packets with true headers; unless the guest spoils its own
/// rings or breaks the protocol, every slot is answered once, and in order.
#include "harness/choices.hpp"

#include <gtest/gtest.h>

#include "fake_guest.hpp"
#include "net/packets.hpp"
#include "net/receive.hpp"
#include "net/slots.hpp"
#include "net/transmit.hpp"
#include "net/watched_port.hpp"
#include "ring/front_ring.hpp"

#include <cstring>
#include <deque>
#include <memory>

namespace rf::fuzz {
namespace {

using namespace net;
using test::FakeGuest;

constexpr std::uint32_t guest_pages = 24, first_ref = 1000;
constexpr unsigned steps_of_one_input = 150;

/// Also has packets for the guest.
class Port final : public test::WatchedPort {
public:
    test::IncomingPackets incoming;

    void read(std::span<Transfer> transfers, ExpectedPackets) override { incoming.read(transfers); }
};

class Play {
public:
    explicit Play(Bytes bytes) : choices_(bytes)
    {
        for (std::uint32_t i = 0; i < guest_pages; ++i)
            guest_.grant(first_ref + i, i, i % 8 == 7 ? FakeGuest::Permit::read_only : FakeGuest::Permit::read_write);
        std::uint64_t const features = choices_.below(32);
        features_ = {(features & 1) != 0, (features & 2) != 0, (features & 4) != 0, (features & 8) != 0, (features & 16) != 0};
        make();
        transmit_->start_fresh();
        receive_->start_fresh();
    }

    void run()
    {
        for (unsigned step = 0; step < steps_of_one_input && !choices_.done() && !testing::Test::HasFailure(); ++step)
            one_step();
        for (unsigned i = 0; i < 64; ++i)
            turn();
        bool const served = !spoiled_ && !transmit_->broken();
        EXPECT_TRUE(!served || sent_.empty()) << sent_.size() << " slots were never answered";
        transmit_.reset();
        receive_.reset();
        EXPECT_EQ(guest_.mapped_pages, 0u);
    }

private:
    void make()
    {
        guest_.grant(first_ref, 0);
        guest_.grant(first_ref + 1, 1);
        Doors const doors{mapper_, events_, arena(), [] { return Clock::time_point{}; }, [](std::string const&) {}};
        auto const ring = [&](std::uint32_t page) {
            return *mapper_.map(FakeGuest::domain, xen::GrantRef(first_ref + page), xen::Access::read_write);
        };
        transmit_ = std::make_unique<Transmit>(doors, FakeGuest::domain, ring(0), port_, bucket_, Transmit::Log(tx_memory_));
        receive_ = std::make_unique<Receive>(doors, FakeGuest::domain, ring(1), port_, features_, 1500, Receive::Log(rx_memory_));
    }
    static std::span<std::byte> arena()
    {
        static std::vector<std::byte> memory(512 * 1024);
        return memory;
    }

    void one_step()
    {
        switch (choices_.below(12)) {
        case 0 ... 3:
            return send_packet();
        case 4 ... 5:
            return turn();
        case 6:
            return fill_page();
        case 7:
            return offer();
        case 8:
            return arrive();
        case 9: {
            auto const ref = static_cast<std::uint32_t>(first_ref + 2 + choices_.below(guest_pages));
            if (choices_.one_in(2))
                guest_.revoke(ref);
            else
                guest_.grant(ref, 2 + choices_.below(guest_pages - 2));
            return;
        }
        case 10:
            if (choices_.one_in(8))
                spoil_ring();
            return;
        default:
            if (choices_.one_in(8))
                succeed();
        }
    }

    // ---- the guest sends

    static std::uint16_t slot_id(TxSlot const& slot)
    {
        ::xen::netif_tx_request request;
        std::memcpy(&request, &slot, sizeof request);
        return request.id;
    }
    std::uint32_t reference()
    {
        return choices_.one_in(32) ? static_cast<std::uint32_t>(choices_.bits())
                                   : static_cast<std::uint32_t>(first_ref + 2 + choices_.below(guest_pages));
    }
    TxSlot some_piece(std::uint64_t flags, std::uint64_t bytes)
    {
        std::uint64_t const offset = choices_.one_in(4) ? choices_.below(0x1'0000) : choices_.below(64);
        return test::piece(reference(), static_cast<unsigned>(offset), static_cast<unsigned>(flags), next_id_++, static_cast<unsigned>(bytes));
    }
    void send_packet()
    {
        std::vector<TxSlot> slots;
        std::uint64_t const pieces = 1 + (choices_.one_in(3) ? choices_.below(20) : 0);
        std::uint64_t const flags = choices_.below(choices_.one_in(16) ? 0x1'0000 : 4);
        std::uint64_t const each = choices_.one_in(8) ? choices_.below(0x1'0000) : choices_.below(2048);
        bool const extras = choices_.one_in(4);
        slots.push_back(some_piece(flags | (extras ? test::with_extra : 0u) | (pieces > 1 ? test::more : 0u), each * pieces));
        for (std::uint64_t count = extras ? 1 + choices_.below(3) : 0; count > 0; --count) {
            unsigned const more = count > 1 ? unsigned{::xen::XEN_NETIF_EXTRA_FLAG_MORE} : 0;
            slots.push_back(choices_.one_in(2) ? test::gso(static_cast<unsigned>(choices_.below(4)), static_cast<unsigned>(choices_.below(2048)), more)
                                               : test::extra(static_cast<unsigned>(choices_.below(8)), more));
        }
        for (std::uint64_t i = 1; i < pieces; ++i)
            slots.push_back(some_piece(i + 1 < pieces ? test::more : 0u, each));
        if (choices_.one_in(16))
            slots.resize(choices_.below(slots.size() + 1));
        for (TxSlot const& slot : slots)
            if (tx_.put(slot))
                sent_.push_back(slot_id(slot));
        (void)tx_.publish();
    }
    void fill_page()
    {
        auto const page = guest_.page(2 + choices_.below(guest_pages - 2));
        std::size_t at = choices_.one_in(4) ? choices_.below(4000) : choices_.below(64);
        if (choices_.one_in(2)) {
            test::Packet packet = test::ethernet(choices_.one_in(2) ? 0x0800 : 0x86dd);
            test::add_tcp(packet);
            std::copy(packet.begin(), packet.end(), page.begin() + static_cast<std::ptrdiff_t>(at));
            at += choices_.below(32);
        }
        Bytes const bytes = choices_.bytes(choices_.below(64));
        std::memcpy(page.data() + at, bytes.data(), bytes.size());
    }
    void spoil_ring()
    {
        auto const page = guest_.page(choices_.below(2));
        Bytes const bytes = choices_.bytes(1 + choices_.below(16));
        std::memcpy(page.data() + (choices_.one_in(2) ? choices_.below(64) : choices_.below(page.size() - 16)), bytes.data(), bytes.size());
        spoiled_ = true;
    }

    // ---- the guest receives

    void offer()
    {
        for (std::uint64_t count = 1 + choices_.below(32); count > 0; --count) {
            ::xen::netif_rx_request request{};
            request.id = next_offer_++;
            request.gref = reference();
            if (!rx_.put(request))
                break;
        }
        (void)rx_.publish();
    }
    void arrive()
    {
        TapHeader header;
        header.flags = static_cast<std::uint8_t>(choices_.below(4));
        header.gso_type = static_cast<std::uint8_t>(choices_.one_in(2) ? 0 : choices_.below(6));
        header.hdr_len = static_cast<std::uint16_t>(choices_.below(256));
        header.gso_size = static_cast<std::uint16_t>(choices_.below(2048));
        header.csum_start = static_cast<std::uint16_t>(choices_.below(256));
        header.csum_offset = static_cast<std::uint16_t>(choices_.below(256));
        std::size_t const bytes = choices_.one_in(4) ? choices_.below(0x1'0000) : choices_.below(1600);
        test::Packet packet = test::ethernet(choices_.one_in(2) ? 0x0800 : 0x86dd);
        Bytes const contents = choices_.bytes(std::min<std::size_t>(bytes, 64));
        for (std::uint8_t byte : contents)
            packet.push_back(static_cast<std::byte>(byte));
        packet.resize(std::max<std::size_t>(bytes, 1));
        if (port_.incoming.size() < 64)
            port_.incoming.push_back(header, std::move(packet));
    }

    // ---- both

    void turn()
    {
        ring::Notify notify = ring::Notify::no;
        bool const was_broken = transmit_->broken();
        unsigned const before = port_.packets;
        (void)transmit_->turn(notify);
        EXPECT_TRUE(!was_broken || port_.packets == before) << "a broken ring is served";
        (void)receive_->turn(notify);
        while (tx_.waiting() != 0) {
            auto const response = tx_.take<::xen::netif_tx_response>();
            if (spoiled_)
                continue;
            EXPECT_TRUE(response.status >= -1 && response.status <= 1) << response.status;
            if (sent_.empty()) {
                ADD_FAILURE() << "more answers than slots";
                return;
            }
            EXPECT_TRUE(response.status == ::xen::NETIF_RSP_NULL || response.id == sent_.front()) << "out of order";
            sent_.pop_front();
        }
        while (rx_.waiting() != 0)
            (void)rx_.take<::xen::netif_rx_response>();
        EXPECT_TRUE(spoiled_ || (!tx_.broken() && !rx_.broken()));
    }
    /// The backend's process dies between two turns; another one takes its logs over.
    void succeed()
    {
        if (transmit_->broken() || receive_->broken())
            return;
        transmit_.reset();
        receive_.reset();
        make();
        transmit_->resume();
        receive_->resume();
    }

    Choices choices_;
    FakeGuest guest_{guest_pages};
    xen::GrantMapper mapper_ = *xen::GrantMapper::open(guest_);
    xen::EventChannels events_ = *xen::EventChannels::open(guest_);
    Port port_;
    TokenBucket bucket_;
    FrontFeatures features_;
    std::vector<std::byte> tx_memory_ = std::vector<std::byte>(Transmit::Log::bytes);
    std::vector<std::byte> rx_memory_ = std::vector<std::byte>(Receive::Log::bytes);
    ring::FrontRing<12> tx_{guest_.page(0)};
    ring::FrontRing<8> rx_{guest_.page(1)};
    std::unique_ptr<Transmit> transmit_;
    std::unique_ptr<Receive> receive_;
    std::deque<std::uint16_t> sent_; ///< ids of slots that wait for their answers
    std::uint16_t next_id_ = 1, next_offer_ = 0;
    bool spoiled_ = false;
};

void run(Bytes bytes) { Play(bytes).run(); }

Registration const registration({"network", run, 500});

} // namespace
} // namespace rf::fuzz
