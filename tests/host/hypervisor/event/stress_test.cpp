// SPDX-License-Identifier: MIT
/// Story: senders on some processors, guests that take their events on others, all at once. Every event that was sent must
/// be seen, and the receiver may act only when it was woken, as a sleeping vCPU does; so a lost bit, a lost link or a lost
/// wake-up all show as an event that nobody ever sees. Meant to run under the thread sanitizer, too.
#include "world.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

namespace rf::event_tests {
namespace {

enum class Abi : std::uint8_t { two_level, fifo };

/// Two senders in domain 1, two vCPUs of domain 2 that take events, and one that masks, unmasks and moves ports.
class Traffic {
public:
    static constexpr unsigned link_count = 24;
    static constexpr unsigned sends = 50000;

    explicit Traffic(Abi abi) : abi_(abi)
    {
        if (abi == Abi::fifo)
            receiver_.use_fifo();
        for (unsigned index = 0; index < link_count; ++index) {
            links_[index] = connect(sender_, receiver_);
            EXPECT_TRUE(receiver_.table.bind_vcpu(links_[index].b, index % 2));
            index_of_[links_[index].b] = index;
        }
    }

    void run()
    {
        {
            std::jthread const taker0([this] { take_events(0); });
            std::jthread const taker1([this] { take_events(1); });
            {
                std::jthread const disturber([this] { disturb(); });
                std::jthread const sender0([this] { send_events(1); });
                std::jthread const sender1([this] { send_events(2); });
                std::jthread const raiser([this] { raise_events(); });
            }
            for (Link const& link : links_)
                EXPECT_TRUE(receiver_.table.unmask(link.b));
            wait_until_all_seen();
            finished_ = true;
        }
        for (unsigned index = 0; index < link_count; ++index)
            EXPECT_EQ(seen_[index].load(), sent_[index].load()) << "port " << links_[index].b;
    }

private:
    void send_events(unsigned seed)
    {
        std::mt19937 random(seed);
        for (unsigned count = 0; count < sends; ++count) {
            unsigned const index = random() % link_count;
            sent_[index].fetch_add(1);
            EXPECT_TRUE(sender_.table.send(links_[index].a));
        }
    }
    /// Timer interrupts of the receiving domain itself meet the traffic at the same queues.
    void raise_events()
    {
        Port const port = receiver_.table.bind_virq(xen::VIRQ_TIMER, 1).value();
        for (unsigned count = 0; count < sends / 4; ++count)
            receiver_.table.raise_virq(1, xen::VIRQ_TIMER);
        EXPECT_TRUE(receiver_.table.close(port));
    }
    void take_events(VcpuId vcpu)
    {
        while (!finished_) {
            if (receiver_.sink.take(vcpu) == 0) {
                std::this_thread::yield();
                continue;
            }
            auto const taken = abi_ == Abi::fifo ? receiver_.take_fifo(vcpu) : receiver_.take_two_level(vcpu);
            for (Port port : taken) {
                unsigned const index = index_of_[port];
                if (index == no_link)
                    continue;
                // Two vCPUs may take the same port one after the other: keep the later view.
                unsigned const now = sent_[index].load();
                unsigned seen = seen_[index].load();
                while (seen < now && !seen_[index].compare_exchange_weak(seen, now)) {
                }
            }
        }
    }
    void disturb()
    {
        std::mt19937 random(7);
        for (unsigned count = 0; count < sends / 10; ++count) {
            unsigned const index = random() % link_count;
            Port const port = links_[index].b;
            if (abi_ == Abi::fifo)
                receiver_.word(port).fetch_or(1u << xen::EVTCHN_FIFO_MASKED);
            else
                receiver_.mask(port);
            EXPECT_TRUE(receiver_.table.unmask(port));
            if (count % 8 == 0) {
                EXPECT_TRUE(receiver_.table.bind_vcpu(port, random() % 2));
            }
            if (abi_ == Abi::fifo && count % 8 == 4) {
                EXPECT_TRUE(receiver_.table.set_priority(port, random() % 16));
            }
            std::this_thread::yield();
        }
    }
    void wait_until_all_seen()
    {
        auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (unsigned index = 0; index < link_count && std::chrono::steady_clock::now() < deadline;) {
            if (seen_[index].load() == sent_[index].load())
                ++index;
            else
                std::this_thread::yield();
        }
    }

    static constexpr unsigned no_link = ~0u;
    static constexpr std::array<unsigned, 256> nowhere()
    {
        std::array<unsigned, 256> all{};
        all.fill(no_link);
        return all;
    }
    Abi abi_;
    Guest sender_{1}, receiver_{2};
    std::array<Link, link_count> links_{};
    std::array<unsigned, 256> index_of_ = nowhere();
    std::array<std::atomic<unsigned>, link_count> sent_{}, seen_{};
    std::atomic<bool> finished_ = false;
};

TEST(EventStress, NoTwoLevelEventIsLost) { Traffic(Abi::two_level).run(); }

TEST(EventStress, NoFifoEventIsLost) { Traffic(Abi::fifo).run(); }

/// Story: events keep coming while the domain goes over to the FIFO; each port gets one, and each must be found on the
/// other side, whether its sender saw the old bitmaps or the new queues.
TEST(EventStress, GoingOverToTheFifoLosesNothing)
{
    constexpr unsigned ports = 40;
    for (unsigned round = 0; round < 600; ++round) {
        Guest sender(1), receiver(2);
        std::array<Link, ports> links;
        std::vector<Port> expected;
        for (Link& link : links) {
            link = connect(sender, receiver);
            expected.push_back(link.b);
        }
        std::atomic<bool> go = false;
        {
            std::jthread const sending([&] {
                while (!go) {
                }
                for (unsigned index = ports; index-- > 0;)
                    EXPECT_TRUE(sender.table.send(links[index].a));
            });
            go = true;
            receiver.use_fifo();
        }
        auto taken = receiver.take_fifo(0);
        std::ranges::sort(taken);
        ASSERT_EQ(taken, expected) << "round " << round;
    }
}

/// Story: both ends connect, send and close at the same time. Locks taken in opposite orders would hang here; an end that
/// points to a port that was closed would be found at the end.
TEST(EventStress, ConnectAndCloseFromBothSides)
{
    Guest a(1), b(2);
    auto const churn = [](Guest& mine, Guest& other, unsigned seed) {
        std::mt19937 random(seed);
        for (unsigned count = 0; count < 8000; ++count) {
            Port const port = 1 + random() % 40;
            switch (random() % 6) {
            case 0:
                (void)mine.table.alloc_unbound(other.table.owner());
                break;
            case 1:
            case 2:
                (void)mine.table.bind_interdomain(other.table, port);
                break;
            case 3:
                (void)mine.table.close(port);
                break;
            case 4:
                (void)mine.table.send(port);
                break;
            default:
                if (count % 1000 == 999) {
                    Budget budget(100);
                    (void)mine.table.reset(budget);
                }
            }
        }
    };
    {
        std::jthread const first([&] { churn(a, b, 1); });
        std::jthread const second([&] { churn(b, a, 2); });
        std::jthread const third([&] { churn(a, b, 3); });
    }
    auto const check = [](Guest& mine, Guest& other) {
        for (Port port = 1; port < channels_per_bucket; ++port) {
            auto const end = mine.table.status(port).value();
            if (end.status != xen::EVTCHNSTAT_interdomain)
                continue;
            auto const far = other.table.status(end.u.interdomain.port).value();
            EXPECT_EQ(far.status, xen::EVTCHNSTAT_interdomain);
            EXPECT_EQ(far.u.interdomain.port, port);
        }
    };
    check(a, b);
    check(b, a);
}

/// Story: the receiver writes rubbish over its words, control block and bitmaps while others send to it. Senders must come
/// through each time, and nothing outside those pages may change.
TEST(EventStress, SendersSurviveAHostileReceiver)
{
    for (Abi abi : {Abi::two_level, Abi::fifo}) {
        Guest sender(1), receiver(2), bystander(3);
        if (abi == Abi::fifo)
            receiver.use_fifo();
        std::array<Link, 16> links;
        for (Link& link : links)
            link = connect(sender, receiver);
        Link const quiet = connect(sender, bystander);
        bystander.take_two_level(0);
        std::atomic<bool> finished = false;
        {
            std::jthread const scribbler([&] {
                std::mt19937 random(3);
                while (!finished) {
                    shared(receiver.page->evtchn_pending[0]).store(random());
                    shared(receiver.page->evtchn_mask[0]).store(random());
                    shared(receiver.vcpus[0]->info().evtchn_pending_sel).store(random());
                    shared(receiver.vcpus[0]->info().evtchn_upcall_pending).store(random() & 1);
                    if (abi == Abi::two_level)
                        continue;
                    receiver.word(random() % 32).store(static_cast<std::uint32_t>(random()));
                    shared(receiver.control[0]->ready).store(static_cast<std::uint32_t>(random()));
                    shared(receiver.control[0]->head[7]).store(static_cast<std::uint32_t>(random()));
                }
            });
            std::jthread const other([&] {
                for (unsigned count = 0; count < 20000; ++count)
                    EXPECT_TRUE(receiver.table.unmask(links[count % links.size()].b));
            });
            for (unsigned count = 0; count < 20000; ++count)
                EXPECT_TRUE(sender.table.send(links[count % links.size()].a));
            finished = true;
        }
        EXPECT_TRUE(sender.table.send(quiet.a));
        EXPECT_EQ(bystander.take_two_level(0), std::vector{quiet.b});
        for (Link const& link : links)
            EXPECT_EQ(receiver.table.status(link.b)->u.interdomain.port, link.a);
    }
}

} // namespace
} // namespace rf::event_tests
