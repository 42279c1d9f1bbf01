// SPDX-License-Identifier: MIT
#include "net/device.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <utility>

namespace rf::net {
namespace {

constexpr std::uint32_t any_number = 0xffffffff;
/// More than the tap's queue holds: draining ends even while packets keep coming.
constexpr unsigned drain_limit = 4096;

std::size_t queue_log_bytes()
{
    return Transmit::Log::bytes + Receive::Log::bytes;
}

/// The earlier of two times that may not be there.
std::optional<Clock::time_point> earlier(std::optional<Clock::time_point> a, std::optional<Clock::time_point> b)
{
    if (!a || !b)
        return a ? a : b;
    return std::min(*a, *b);
}

}  // namespace

std::size_t log_bytes()
{
    return (max_queues * queue_log_bytes() + xen::page_size - 1) / xen::page_size * xen::page_size;
}

Device::Device(Doors doors, xen::DomainId domain, CardOpener opener)
    : doors_(std::move(doors)), domain_(domain), opener_(std::move(opener))
{
}

Result<void> Device::prepare()
{
    auto opened = opener_();
    if (!opened)
        return std::unexpected(opened.error());
    void* address = nullptr;
    xen::Kernel& kernel = opened->log.kernel();
    const long result = kernel.map(address, log_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, opened->log.number(), 0);
    if (result < 0)
        return xen::failure(result, "cannot map the response log");
    log_ = xen::Mapping(kernel, address, log_bytes());
    card_ = std::move(*opened);
    bucket_ = TokenBucket(card_.rate, doors_.now());
    return {};
}

std::vector<xenbus::Node> Device::features() const
{
    return {
        {"feature-sg", "1"},
        {"feature-gso-tcpv4", "1"},
        {"feature-gso-tcpv6", "1"},
        {"feature-ipv6-csum-offload", "1"},
        {"feature-rx-copy", "1"},
        {"feature-rx-flip", "0"},
        {"feature-split-event-channels", "1"},
        {"feature-multicast-control", "0"},
        {"multi-queue-max-queues", std::to_string(card_.queues.size())},
    };
}

Result<FrontFeatures> Device::read_features(xenbus::Store& store, const std::string& frontend) const
{
    const auto flag = [&](const char* name, bool& target) -> Result<void> {
        const auto value = xenbus::read_number_or(store, frontend + "/" + name, any_number, 0);
        if (!value)
            return std::unexpected(value.error());
        target = *value != 0;
        return {};
    };
    FrontFeatures front;
    bool copies = false;
    bool no_checksum = false;
    const std::pair<const char*, bool*> flags[] = {
        {"request-rx-copy", &copies},
        {"feature-no-csum-offload", &no_checksum},
        {"feature-sg", &front.scatter_gather},
        {"feature-gso-tcpv4", &front.segmentation_v4},
        {"feature-gso-tcpv6", &front.segmentation_v6},
        {"feature-ipv6-csum-offload", &front.checksum_v6},
    };
    for (const auto& [name, target] : flags)
        if (auto read = flag(name, *target); !read)
            return std::unexpected(read.error());
    if (!copies)
        return xen::failure(EOPNOTSUPP, "the frontend does not ask for received packets to be copied; nothing else is offered");
    front.checksum_v4 = !no_checksum;
    return front;
}

Result<void> Device::connect(xenbus::Store& store, const std::string& frontend, xenbus::Start start)
{
    const auto front = read_features(store, frontend);
    if (!front)
        return std::unexpected(front.error());
    const auto offered = static_cast<std::uint32_t>(card_.queues.size());
    const auto count = xenbus::read_number_or(store, frontend + "/multi-queue-num-queues", offered, 1);
    if (!count)
        return std::unexpected(count.error());
    if (*count == 0)
        return xen::failure(EINVAL, "the frontend asks for no queues");
    auto connected = set_up_tap(*front, *count);
    for (std::uint32_t i = 0; connected && i < *count; ++i)
        connected = connect_queue(store, *count == 1 ? frontend : frontend + "/queue-" + std::to_string(i), i, *front);
    if (!connected) {
        release();
        return connected;
    }
    discard_old_packets(*count);
    for (const Queue& queue : queues_) {
        if (start == xenbus::Start::resumed) {
            queue.transmit->resume();
            queue.receive->resume();
        } else {
            queue.transmit->start_fresh();
            queue.receive->start_fresh();
        }
        // The frontend may have waited for a backend that was dead.
        (void)doors_.events.notify(queue.transmit_port);
        if (queue.receive_port != queue.transmit_port)
            (void)doors_.events.notify(queue.receive_port);
    }
    serving_ = true;
    return {};
}

Result<void> Device::set_up_tap(const FrontFeatures& front, std::uint32_t queues)
{
    for (std::uint32_t i = 0; i < card_.queues.size(); ++i) {
        const auto use = i < queues ? TapQueue::Use::attached : TapQueue::Use::detached;
        if (auto done = card_.queues[i].set_use(use); !done)
            return done;
    }
    return card_.queues[0].set_offloads(tap_offloads(front));
}

void Device::discard_old_packets(std::uint32_t queues)
{
    for (std::uint32_t i = 0; i < queues; ++i)
        for (unsigned packets = 0; packets < drain_limit; ++packets) {
            Transfer old{doors_.arena.first(largest_packet_room)};
            card_.queues[i].read(std::span(&old, 1), small_packets);
            if (old.result <= 0)
                break;
        }
}

Result<void> Device::connect_queue(xenbus::Store& store, const std::string& directory, std::uint32_t index,
                                   const FrontFeatures& front)
{
    const auto map_ring = [&](const char* name) -> Result<xen::GrantMapping> {
        const auto ref = xenbus::read_number(store, directory + "/" + name, any_number);
        if (!ref)
            return std::unexpected(ref.error());
        return doors_.grants.map(domain_, xen::GrantRef(*ref), xen::Access::read_write);
    };
    auto transmit_page = map_ring("tx-ring-ref");
    if (!transmit_page)
        return std::unexpected(transmit_page.error());
    auto receive_page = map_ring("rx-ring-ref");
    if (!receive_page)
        return std::unexpected(receive_page.error());
    Queue queue;
    if (auto bound = bind(store, directory, queue); !bound)
        return bound;
    const auto log = log_.bytes().subspan(index * queue_log_bytes(), queue_log_bytes());
    TapQueue& tap = card_.queues[index];
    queue.transmit = std::make_unique<Transmit>(doors_, domain_, std::move(*transmit_page), tap, bucket_,
                                                Transmit::Log(log.first(Transmit::Log::bytes)));
    queue.receive = std::make_unique<Receive>(doors_, domain_, std::move(*receive_page), tap, front, card_.mtu,
                                              Receive::Log(log.subspan(Transmit::Log::bytes)));
    queues_.push_back(std::move(queue));
    return {};
}

Result<void> Device::bind(xenbus::Store& store, const std::string& directory, Queue& queue)
{
    const auto bind_one = [&](const char* name) -> Result<xen::LocalPort> {
        const auto channel = xenbus::read_number(store, directory + "/" + name, any_number);
        if (!channel)
            return std::unexpected(channel.error());
        return doors_.events.bind_interdomain(domain_, xen::RemotePort(*channel));
    };
    auto transmit = bind_one("event-channel-tx");
    if (!transmit && transmit.error().code == ENOENT)
        transmit = bind_one("event-channel");
    if (!transmit)
        return std::unexpected(transmit.error());
    queue.transmit_port = queue.receive_port = *transmit;
    auto receive = bind_one("event-channel-rx");
    if (!receive && receive.error().code == ENOENT)
        return {};
    if (!receive) {
        (void)doors_.events.unbind(*transmit);
        return std::unexpected(receive.error());
    }
    queue.receive_port = *receive;
    return {};
}

xenbus::Backend::Rest Device::disconnect()
{
    release();
    return Rest::reached;
}

void Device::release()
{
    for (const Queue& queue : queues_) {
        (void)doors_.events.unbind(queue.transmit_port);  // a port that the hypervisor closed already is as good
        if (queue.receive_port != queue.transmit_port)
            (void)doors_.events.unbind(queue.receive_port);
    }
    queues_.clear();
    serving_ = false;
}

Turn Device::serve(Queue& queue)
{
    ring::Notify notify_transmit = ring::Notify::no;
    ring::Notify notify_receive = ring::Notify::no;
    const Turn sent = queue.transmit->turn(notify_transmit);
    const Turn received = queue.receive->turn(notify_receive);
    if (queue.transmit_port == queue.receive_port && notify_receive == ring::Notify::yes)
        notify_transmit = std::exchange(notify_receive, ring::Notify::no);
    if (notify_transmit == ring::Notify::yes)
        (void)doors_.events.notify(queue.transmit_port);  // can only fail for a port that is not ours
    if (notify_receive == ring::Notify::yes)
        (void)doors_.events.notify(queue.receive_port);
    const bool worked = sent.worked || received.worked;
    queue.transmit_worked = queue.transmit_worked || worked;
    queue.receive_worked = queue.receive_worked || worked;
    return {worked, sent.more || received.more, earlier(sent.at, received.at)};
}

xenbus::Server::Work Device::turn()
{
    Work work;
    for (Queue& queue : queues_) {
        const Turn turn = serve(queue);
        work.more = work.more || turn.more;
        work.at = earlier(work.at, turn.at);
    }
    return work;
}

std::vector<xen::LocalPort> Device::ports() const
{
    std::vector<xen::LocalPort> ports;
    for (const Queue& queue : queues_) {
        ports.push_back(queue.transmit_port);
        if (queue.receive_port != queue.transmit_port)
            ports.push_back(queue.receive_port);
    }
    return ports;
}

bool Device::worked(xen::LocalPort port)
{
    for (Queue& queue : queues_) {
        if (port == queue.transmit_port)
            return std::exchange(queue.transmit_worked, false);
        if (port == queue.receive_port)
            return std::exchange(queue.receive_worked, false);
    }
    return false;
}

void Device::add_wake_descriptors(std::vector<int>& descriptors) const
{
    for (std::size_t i = 0; i < queues_.size(); ++i)
        if (queues_[i].receive->wants_packets())
            descriptors.push_back(card_.queues[i].descriptor());
}

void Device::readable(int descriptor)
{
    for (std::size_t i = 0; i < queues_.size(); ++i)
        if (card_.queues[i].descriptor() == descriptor)
            queues_[i].receive->packets_wait();
}

void Device::quiesce()
{
    for (const Queue& queue : queues_) {
        queue.transmit->stop();
        queue.receive->stop();
    }
}

}  // namespace rf::net
