// SPDX-License-Identifier: MIT
#include "block/device.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <utility>

#include "io/xenbus.h"

namespace rf::block {
namespace {

constexpr std::uint32_t any_number = 0xffffffff;

std::uint32_t entries_of(std::uint32_t pages)
{
    return ::xen::ring_entries(static_cast<std::uint32_t>(pages * xen::page_size), sizeof(::xen::blkif_sring_entry));
}

std::size_t queue_journal_bytes()
{
    return QueueJournal::bytes(entries_of(1u << max_ring_order));
}

std::string text(std::uint64_t number)
{
    return std::to_string(number);
}

}  // namespace

std::size_t journal_bytes()
{
    const std::size_t bytes = max_queues * queue_journal_bytes();
    return (bytes + xen::page_size - 1) / xen::page_size * xen::page_size;
}

Device::Device(Doors doors, xen::DomainId domain, DiskOpener opener, Log log)
    : doors_(doors), domain_(domain), opener_(std::move(opener)), log_(std::move(log))
{
}

Result<void> Device::prepare()
{
    auto opened = opener_();
    if (!opened)
        return std::unexpected(opened.error());
    void* address = nullptr;
    xen::Kernel& kernel = opened->journal.kernel();
    const long result = kernel.map(address, journal_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, opened->journal.number(), 0);
    if (result < 0)
        return xen::failure(result, "cannot map the journal");
    journal_ = xen::Mapping(kernel, address, journal_bytes());
    disk_ = std::move(opened->disk);
    return {};
}

std::vector<xenbus::Node> Device::features() const
{
    const DiskFacts& facts = disk_.facts;
    const std::uint32_t info = facts.read_only != 0 ? std::uint32_t{::xen::VDISK_READONLY} : 0;
    std::vector<xenbus::Node> nodes = {
        {"sectors", text(facts.sectors)},
        {"sector-size", text(facts.sector_size)},
        {"physical-sector-size", text(facts.physical_sector_size)},
        {"info", text(info)},
        {"feature-flush-cache", "1"},
        {"feature-barrier", "1"},
        {"feature-max-indirect-segments", text(max_indirect_segments)},
        {"max-ring-page-order", text(max_ring_order)},
        {"multi-queue-max-queues", text(max_queues)},
        {"feature-discard", facts.discard_granularity != 0 ? "1" : "0"},
    };
    if (facts.discard_granularity != 0) {
        nodes.push_back({"discard-granularity", text(facts.discard_granularity)});
        nodes.push_back({"discard-alignment", "0"});
        nodes.push_back({"discard-secure", "0"});
    }
    return nodes;
}

Result<void> Device::connect(xenbus::Store& store, const std::string& frontend, xenbus::Start start)
{
    const auto protocol = store.read(frontend + "/protocol");
    if (!protocol)
        return std::unexpected(protocol.error());
    if (protocol->value_or(XEN_IO_PROTO_ABI_NATIVE) != XEN_IO_PROTO_ABI_NATIVE)
        return xen::failure(EPROTONOSUPPORT, "the frontend's ring is not of the 64-bit protocol");
    const auto count = xenbus::read_number_or(store, frontend + "/multi-queue-num-queues", max_queues, 1);
    if (!count)
        return std::unexpected(count.error());
    if (*count == 0)
        return xen::failure(EINVAL, "the frontend asks for no queues");

    frontend_ = frontend;
    auto connected = connect_queues(store, *count);
    // Every journal is checked before the first request of any is carried out: after that there is no way back.
    for (const auto& queue : queues_)
        if (connected && start == xenbus::Start::resumed)
            connected = queue->check_journal();
    if (!connected) {
        release();
        return connected;
    }
    for (const auto& queue : queues_) {
        if (start == xenbus::Start::resumed)
            queue->resume();
        else
            queue->start_fresh();
    }
    serving_ = true;
    return {};
}

Result<void> Device::connect_queues(xenbus::Store& store, std::uint32_t count)
{
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::string directory = count == 1 ? frontend_ : frontend_ + "/queue-" + text(i);
        auto queue = connect_queue(store, directory, i);
        if (!queue)
            return std::unexpected(queue.error());
        queues_.push_back(std::move(*queue));
    }
    return {};
}

Result<std::vector<xen::GrantRef>> Device::read_ring(xenbus::Store& store, const std::string& directory,
                                                     const std::string& frontend) const
{
    const auto order = xenbus::read_number(store, frontend + "/ring-page-order", max_ring_order);
    std::vector<xen::GrantRef> refs;
    if (!order && order.error().code != ENOENT)
        return std::unexpected(order.error());
    const std::uint32_t pages = order ? 1u << *order : 1;
    for (std::uint32_t i = 0; i < pages; ++i) {
        auto ref = xenbus::read_number(store, directory + "/ring-ref" + (order ? text(i) : ""), any_number);
        if (!ref && order && pages == 1)
            ref = xenbus::read_number(store, directory + "/ring-ref", any_number);
        if (!ref)
            return std::unexpected(ref.error());
        refs.emplace_back(*ref);
    }
    return refs;
}

Result<std::unique_ptr<Queue>> Device::connect_queue(xenbus::Store& store, const std::string& directory, std::uint32_t index)
{
    const auto refs = read_ring(store, directory, frontend_);
    if (!refs)
        return std::unexpected(refs.error());
    const auto channel = xenbus::read_number(store, directory + "/event-channel", any_number);
    if (!channel)
        return std::unexpected(channel.error());
    auto pages = doors_.grants.map(domain_, *refs, xen::Access::read_write);
    if (!pages)
        return std::unexpected(pages.error());
    const auto port = doors_.events.bind_interdomain(domain_, xen::RemotePort(*channel));
    if (!port)
        return std::unexpected(port.error());
    const QueueJournal journal(journal_.bytes().subspan(index * queue_journal_bytes(), queue_journal_bytes()));
    return std::make_unique<Queue>(doors_, domain_, disk_.descriptor.number(), disk_.facts,
                                   QueueConnection{std::move(*pages), *port}, journal);
}

xenbus::Backend::Rest Device::disconnect()
{
    if (queues_.empty())
        return Rest::reached;
    serving_ = false;
    quiesce();
    (void)turn();
    if (!at_rest())
        return Rest::not_yet;
    release();
    return Rest::reached;
}

void Device::release()
{
    for (const auto& queue : queues_)
        (void)doors_.events.unbind(queue->port());  // a port that the hypervisor closed already is as good
    queues_.clear();
    serving_ = false;
    told_broken_ = false;
}

void Device::tell_troubles()
{
    for (const auto& queue : queues_) {
        if (const auto failure = queue->take_failure())
            if (const auto line = report_.add(*failure, FailureReport::Clock::now()))
                log_(*line);
        if (queue->broken() && !std::exchange(told_broken_, true))
            log_("the guest's ring makes no sense; no request of it is taken any more");
    }
}

xenbus::Server::Work Device::turn()
{
    Work work;
    for (const auto& queue : queues_) {
        work.more = queue->turn() == Queue::More::yes || work.more;
        work.waits = work.waits || queue->waits();
        work.gave_back = work.gave_back || queue->gave_back();
    }
    tell_troubles();
    return work;
}

std::vector<xen::LocalPort> Device::ports() const
{
    std::vector<xen::LocalPort> ports;
    for (const auto& queue : queues_)
        ports.push_back(queue->port());
    return ports;
}

bool Device::worked(xen::LocalPort port)
{
    const auto queue = std::ranges::find(queues_, port, [](const auto& one) { return one->port(); });
    return queue != queues_.end() && (*queue)->worked();
}

void Device::quiesce()
{
    for (const auto& queue : queues_)
        queue->stop();
}

bool Device::at_rest() const
{
    for (const auto& queue : queues_)
        if (!queue->at_rest())
            return false;
    return true;
}

}  // namespace rf::block
