// SPDX-License-Identifier: MIT
#include "bin/rf-backd/opener.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bin/rf-backd/opener_message.hpp"
#include "bin/rf-backd/store_connection.hpp"
#include "xenbus/device.hpp"

namespace rf::backd {
namespace {

constexpr std::uint32_t largest_mtu = 65535 - 14;

/// A reply under construction, and what is attached to it.
struct Opened {
    OpenReply reply;
    std::vector<xen::Descriptor> descriptors;
};

/// Whatever a request to the store fails with, it is worth another try.
std::unexpected<xen::Error> away(const xen::Error& error)
{
    return xen::failure(EAGAIN, error.text());
}

class Nodes {
public:
    Nodes(StoreConnection& store, std::string directory) : store_(store), directory_(std::move(directory)) {}

    /// The node's text; empty if it is absent.
    [[nodiscard]] Result<std::string> text(const char* name)
    {
        const auto value = store_.read(directory_ + "/" + name);
        if (!value)
            return away(value.error());
        return value->value_or("");
    }

private:
    StoreConnection& store_;
    std::string directory_;
};

/// Reads several nodes; the first failure ends it.
Result<void> read_all(Nodes& nodes, std::initializer_list<std::pair<const char*, std::string*>> wanted)
{
    for (const auto& [name, target] : wanted) {
        auto text = nodes.text(name);
        if (!text)
            return std::unexpected(text.error());
        *target = std::move(*text);
    }
    return {};
}

Result<xen::Descriptor> open_journal(const std::string& path, std::size_t bytes)
{
    const int number = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    xen::Descriptor file(xen::Kernel::host(), number);
    if (number < 0 || ::ftruncate(number, static_cast<off_t>(bytes)) != 0)
        return xen::failure(errno, "cannot create " + path);
    return file;
}

Result<Opened> open_disk(Nodes& nodes, std::uint16_t domain, std::uint32_t device)
{
    std::string params, type, mode, discard;
    if (auto read = read_all(nodes, {{"params", &params}, {"type", &type}, {"mode", &mode}, {"discard-enable", &discard}}); !read)
        return std::unexpected(read.error());
    const auto order = block::parse_order(params, type, mode, discard);
    if (!order)
        return std::unexpected(order.error());
    auto disk = block::open_disk(*order);
    if (!disk)
        return std::unexpected(disk.error());
    auto journal = open_journal(journal_file(domain, Kind::disk, device), block::journal_bytes());
    if (!journal)
        return std::unexpected(journal.error());
    Opened opened;
    opened.reply.disk = disk->facts;
    opened.descriptors.push_back(std::move(disk->descriptor));
    opened.descriptors.push_back(std::move(*journal));
    return opened;
}

Result<Opened> open_card(Nodes& nodes, std::uint16_t domain, std::uint32_t device)
{
    std::string bridge, name, rate, mtu;
    if (auto read = read_all(nodes, {{"bridge", &bridge}, {"vifname", &name}, {"rate", &rate}, {"mtu", &mtu}}); !read)
        return std::unexpected(read.error());
    net::TapOrder order;
    order.name = name.empty() ? "vif" + std::to_string(domain) + "." + std::to_string(device) : name;
    order.bridge = bridge;
    order.mtu = xenbus::parse_number(mtu, largest_mtu).value_or(order.mtu);
    const long processors = std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
    order.queues = static_cast<std::uint32_t>(std::min<long>(processors, net::max_queues));
    auto queues = net::open_tap(order);
    if (!queues)
        return std::unexpected(queues.error());
    auto log = open_journal(journal_file(domain, Kind::card, device), net::log_bytes());
    if (!log)
        return std::unexpected(log.error());
    Opened opened;
    opened.reply.mtu = order.mtu;
    if (const auto limit = net::parse_rate(rate)) {
        opened.reply.rate_bytes = limit->bytes;
        opened.reply.rate_microseconds = limit->interval.count();
    }
    opened.descriptors.push_back(std::move(*log));
    for (xen::Descriptor& queue : *queues)
        opened.descriptors.push_back(std::move(queue));
    return opened;
}

Result<Opened> open_store()
{
    auto client = rpc::StoreClient::connect(store_socket);
    if (!client)
        return away(client.error());
    Opened opened;
    opened.descriptors.emplace_back(xen::Kernel::host(), std::move(*client).release());
    return opened;
}

Result<Opened> open_asked(const OpenRequest& request, std::uint16_t domain)
{
    using What = OpenRequest::What;
    if (request.what == What::store)
        return open_store();
    if (request.what != What::disk && request.what != What::card)
        return xen::failure(EINVAL, "an unknown kind of device");
    auto store = StoreConnection::open(store_socket);
    if (!store)
        return away(store.error());
    const Kind kind = request.what == What::disk ? Kind::disk : Kind::card;
    Nodes nodes(**store, xenbus::backend_directory(type_of(kind), domain) + "/" + std::to_string(request.device));
    return kind == Kind::disk ? open_disk(nodes, domain, request.device) : open_card(nodes, domain, request.device);
}

/// Sends a request and receives what was opened.
Result<Opened> ask(int socket, OpenRequest request, std::size_t least_descriptors)
{
    if (::send(socket, &request, sizeof request, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof request))
        return xen::failure(errno, "the privileged half of this program is gone");
    Opened opened;
    const auto reply = receive_reply(socket, opened.descriptors);
    if (!reply)
        return std::unexpected(reply.error());
    if (reply->error != 0)
        return xen::failure(reply->error, reply->text);
    if (opened.descriptors.size() < least_descriptors)
        return xen::failure(EPROTO, "the privileged half of this program sent too little");
    opened.reply = *reply;
    return opened;
}

}  // namespace

bool serve_opener(int socket, std::uint16_t domain)
{
    OpenRequest request{};
    const ssize_t count = ::recv(socket, &request, sizeof request, 0);
    if (count < 0 && errno == EINTR)
        return true;
    if (count != static_cast<ssize_t>(sizeof request))
        return false;
    auto opened = open_asked(request, domain);
    if (!opened) {
        OpenReply reply;
        reply.error = opened.error().code == 0 ? EIO : opened.error().code;
        std::strncpy(reply.text, opened.error().message.c_str(), sizeof reply.text - 1);
        return send_reply(socket, reply, {});
    }
    std::vector<int> numbers;
    for (const xen::Descriptor& descriptor : opened->descriptors)
        numbers.push_back(descriptor.number());
    return send_reply(socket, opened->reply, numbers);
}

Result<block::OpenDisk> OpenerClient::open_disk(std::uint32_t device)
{
    auto opened = ask(socket_, {OpenRequest::What::disk, device}, 2);
    if (!opened)
        return std::unexpected(opened.error());
    return block::OpenDisk{{std::move(opened->descriptors[0]), opened->reply.disk}, std::move(opened->descriptors[1])};
}

Result<net::OpenCard> OpenerClient::open_card(std::uint32_t device, net::PacketIo& packets)
{
    auto opened = ask(socket_, {OpenRequest::What::card, device}, 2);
    if (!opened)
        return std::unexpected(opened.error());
    net::OpenCard card;
    card.log = std::move(opened->descriptors[0]);
    card.mtu = opened->reply.mtu;
    if (opened->reply.rate_bytes != 0)
        card.rate = net::Rate{opened->reply.rate_bytes, std::chrono::microseconds(opened->reply.rate_microseconds)};
    for (std::size_t i = 1; i < opened->descriptors.size(); ++i)
        card.queues.emplace_back(std::move(opened->descriptors[i]), packets);
    return card;
}

Result<xen::Descriptor> OpenerClient::open_store()
{
    auto opened = ask(socket_, {OpenRequest::What::store, 0}, 1);
    if (!opened)
        return std::unexpected(opened.error());
    return std::move(opened->descriptors[0]);
}

}  // namespace rf::backd
