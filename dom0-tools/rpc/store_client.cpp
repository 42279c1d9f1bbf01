// SPDX-License-Identifier: MIT
#include "rpc/store_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace rf::rpc {
namespace {

using store::Type;

/// Nodes sent before their answers are read: few enough that the answers fit into a socket's buffer.
constexpr std::size_t nodes_under_way = 128;

/// Ends a string within a payload.
constexpr std::string_view end{"\0", 1};

/// errno of a wire error name; EIO for one we do not know.
int errno_of(std::string_view name)
{
    static constexpr std::pair<std::string_view, int> names[] = {
        {"EINVAL", EINVAL}, {"EACCES", EACCES}, {"EEXIST", EEXIST}, {"EISDIR", EISDIR}, {"ENOENT", ENOENT},
        {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"ENOTEMPTY", ENOTEMPTY}, {"ENOSYS", ENOSYS},
        {"EROFS", EROFS},   {"EBUSY", EBUSY},   {"EAGAIN", EAGAIN}, {"EISCONN", EISCONN}, {"E2BIG", E2BIG},
        {"EPERM", EPERM},
    };
    for (const auto& [text, number] : names)
        if (text == name)
            return number;
    return EIO;
}

std::vector<std::string> strings_of(std::string_view payload)
{
    std::vector<std::string> result;
    if (const auto strings = store::split_strings(payload))
        result.assign(strings->begin(), strings->end());
    return result;
}

std::string all_terminated(const std::vector<std::string>& strings)
{
    std::string payload;
    for (const std::string& string : strings)
        payload.append(string).append(end);
    return payload;
}

xen::Result<void> discard(xen::Result<std::string> answer)
{
    if (!answer)
        return std::unexpected(std::move(answer.error()));
    return {};
}

}  // namespace

std::string StoreClient::Purpose::text() const
{
    return std::string(before).append(about).append(after);
}

StoreClient::StoreClient(StoreClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), assembler_(std::move(other.assembler_)),
      events_(std::move(other.events_)), last_request_(other.last_request_), is_socket_(other.is_socket_)
{
}

StoreClient& StoreClient::operator=(StoreClient&& other) noexcept
{
    std::swap(descriptor_, other.descriptor_);
    std::swap(assembler_, other.assembler_);
    std::swap(events_, other.events_);
    std::swap(last_request_, other.last_request_);
    std::swap(is_socket_, other.is_socket_);
    return *this;
}

StoreClient::~StoreClient()
{
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

xen::Result<StoreClient> StoreClient::connect(const std::string& socket_path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path)
        return xen::failure(ENAMETOOLONG, "cannot connect to the store at " + socket_path);
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0)
        return xen::failure(errno, "cannot create a socket");
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return StoreClient(socket);
    const int problem = errno;
    ::close(socket);
    // In a domain that does not run the store, the kernel passes requests on.
    if (const int device = ::open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC); problem == ENOENT && device >= 0)
        return StoreClient(device);
    return xen::failure(problem, "cannot connect to the store at " + socket_path + " (is rf-stored running?)");
}

xen::Result<void> StoreClient::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        // Of a socket, send and recv pass fewer layers than write and read.
        const ssize_t count = is_socket_ ? ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                                         : ::write(descriptor_, bytes.data(), bytes.size());
        if (count < 0 && errno == ENOTSOCK && std::exchange(is_socket_, false))
            continue;
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return xen::failure(errno, "cannot send to the store");
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

/// Whether there is something to read, at once or within the time that the store has for an answer.
xen::Result<bool> StoreClient::is_readable(Wait wait) const
{
    pollfd poll_entry{descriptor_, POLLIN, 0};
    const int ready = ::poll(&poll_entry, 1, wait == Wait::yes ? timeout_seconds * 1000 : 0);
    if (ready < 0 && errno != EINTR)
        return xen::failure(errno, "cannot wait for the store");
    if (wait == Wait::yes && ready == 0)
        return xen::failure(ETIMEDOUT, "the store does not answer");
    return ready > 0;
}

xen::Result<bool> StoreClient::receive(Wait wait)
{
    // On a processor of its own or ours, the store has often answered by now: then looking first costs a call less than asking
    // whether there is something to see. Where it has not, it will not have the next time either.
    const bool looks_first = is_socket_ && (wait == Wait::no || hasty_);
    if (!looks_first) {
        hasty_ = is_socket_ && ++patience_ % retry_haste == 0;
        if (auto ready = is_readable(wait); !ready || !*ready)
            return ready;
    }
    std::array<char, store::header_bytes + store::payload_max> buffer;
    const ssize_t count = is_socket_ ? ::recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT)
                                     : ::read(descriptor_, buffer.data(), buffer.size());
    if (count < 0 && errno == ENOTSOCK && std::exchange(is_socket_, false))
        return false;
    if (count < 0 && errno == EAGAIN && looks_first)
        hasty_ = wait == Wait::no && hasty_;
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (count <= 0)
        return xen::failure(count < 0 ? errno : EPIPE, "the store has closed the connection");
    assembler_.feed({buffer.data(), static_cast<std::size_t>(count)});
    return true;
}

void StoreClient::queue_event(const store::Message& message)
{
    if (const auto strings = store::split_strings(message.payload); strings && strings->size() >= 2)
        events_.push_back({std::string((*strings)[0]), std::string((*strings)[1])});
}

xen::Result<std::uint32_t> StoreClient::ask(std::string& bytes, Type type, TransactionId transaction, Payload payload, const Purpose& purpose)
{
    std::size_t size = 0;
    for (const std::string_view part : payload)
        size += part.size();
    if (size > store::payload_max)
        return xen::failure(E2BIG, purpose.text());
    store::append(bytes, type, ++last_request_, transaction, payload);
    return last_request_;
}

xen::Result<std::string> StoreClient::answer(std::uint32_t number, const Purpose& purpose)
{
    for (;;) {
        auto message = assembler_.next();
        if (!message)
            return xen::failure(EPROTO, "the store sends nonsense");
        if (*message && (*message)->type == Type::watch_event) {
            queue_event(**message);
        } else if (*message && (*message)->request == number) {
            if ((*message)->type != Type::error)
                return std::move((*message)->payload);
            const std::string_view name = store::first_string((*message)->payload).value_or("");
            return xen::failure(errno_of(name), purpose.text());
        } else if (!*message) {
            if (auto received = receive(Wait::yes); !received)
                return xen::failure(received.error().code, purpose.text() + ": " + received.error().message);
        }
    }
}

xen::Result<std::string> StoreClient::request(Type type, TransactionId transaction, Payload payload, const Purpose& purpose)
{
    outgoing_.clear();
    const auto number = ask(outgoing_, type, transaction, payload, purpose);
    if (!number)
        return std::unexpected(number.error());
    if (auto sent = send(outgoing_); !sent)
        return xen::failure(sent.error().code, purpose.text() + ": " + sent.error().message);
    return answer(*number, purpose);
}

xen::Result<void> StoreClient::write_all(std::span<const NodeWrite> nodes, TransactionId transaction)
{
    xen::Result<void> outcome;
    while (!nodes.empty() && outcome) {
        const auto part = nodes.first(std::min(nodes.size(), nodes_under_way));
        nodes = nodes.subspan(part.size());
        std::string bytes;
        std::vector<std::pair<std::uint32_t, Purpose>> asked;
        const auto add = [&](Type type, Payload payload, const Purpose& purpose) {
            if (!outcome)
                return;
            if (const auto number = ask(bytes, type, transaction, payload, purpose))
                asked.emplace_back(*number, purpose);
            else
                outcome = std::unexpected(number.error());
        };
        for (const NodeWrite& node : part) {
            add(Type::write, {node.path, end, node.value}, {"cannot write ", node.path, " to the store"});
            if (!node.permissions.empty())
                add(Type::set_perms, {node.path, end, all_terminated(node.permissions)}, {"cannot set permissions of ", node.path});
        }
        if (auto sent = send(bytes); !sent)
            return sent;
        // Every answer must be taken, also behind a failure: they would be mistaken for those of later requests.
        for (const auto& [number, purpose] : asked)
            if (auto answered = answer(number, purpose); !answered && outcome)
                outcome = std::unexpected(std::move(answered.error()));
    }
    return outcome;
}

xen::Result<std::string> StoreClient::read(std::string_view path, TransactionId transaction)
{
    return request(Type::read, transaction, {path, end}, {"cannot read ", path, " from the store"});
}

xen::Result<std::optional<std::string>> StoreClient::read_if_exists(std::string_view path, TransactionId transaction)
{
    auto value = read(path, transaction);
    if (value)
        return std::optional(std::move(*value));
    if (value.error().code == ENOENT)
        return std::nullopt;
    return std::unexpected(std::move(value.error()));
}

xen::Result<std::vector<std::optional<std::string>>> StoreClient::read_all(std::span<const std::string> paths)
{
    std::vector<std::optional<std::string>> values;
    while (!paths.empty()) {
        const auto part = paths.first(std::min(paths.size(), nodes_under_way));
        paths = paths.subspan(part.size());
        std::string bytes;
        std::vector<std::uint32_t> asked;
        for (const std::string& path : part) {
            const auto number = ask(bytes, Type::read, no_transaction, {path, end}, {"cannot read ", path, " from the store"});
            if (!number)
                return std::unexpected(number.error());
            asked.push_back(*number);
        }
        if (auto sent = send(bytes); !sent)
            return std::unexpected(sent.error());
        // Every answer must be taken, also behind a failure: they would be mistaken for those of later requests.
        xen::Result<void> outcome;
        for (std::size_t i = 0; i < asked.size(); ++i) {
            auto value = answer(asked[i], {"cannot read ", part[i], " from the store"});
            if (!value && value.error().code != ENOENT && outcome)
                outcome = std::unexpected(value.error());
            values.push_back(value ? std::optional(std::move(*value)) : std::nullopt);
        }
        if (!outcome)
            return std::unexpected(outcome.error());
    }
    return values;
}

xen::Result<void> StoreClient::write(std::string_view path, std::string_view value, TransactionId transaction)
{
    return discard(request(Type::write, transaction, {path, end, value}, {"cannot write ", path, " to the store"}));
}

xen::Result<void> StoreClient::make_directory(std::string_view path, TransactionId transaction)
{
    return discard(request(Type::mkdir, transaction, {path, end}, {"cannot create ", path, " in the store"}));
}

xen::Result<void> StoreClient::remove(std::string_view path, TransactionId transaction)
{
    auto done = discard(request(Type::rm, transaction, {path, end}, {"cannot remove ", path, " from the store"}));
    if (!done && done.error().code == ENOENT)
        return {};
    return done;
}

xen::Result<std::vector<std::string>> StoreClient::list(std::string_view path, TransactionId transaction)
{
    const Purpose purpose{"cannot list ", path, " in the store"};
    auto names = request(Type::directory, transaction, {path, end}, purpose);
    if (names)
        return strings_of(*names);
    if (names.error().code != E2BIG)
        return std::unexpected(std::move(names.error()));
    // Too many for one message: fetch in parts, and start over when the list changes in between.
    std::string all;
    std::string generation;
    for (;;) {
        auto part = request(Type::directory_part, transaction, {path, end, std::to_string(all.size()), end}, purpose);
        if (!part)
            return std::unexpected(std::move(part.error()));
        const std::string_view seen = store::first_string(*part).value_or("");
        const std::string_view rest = std::string_view(*part).substr(std::min(part->size(), seen.size() + 1));
        if (!all.empty() && seen != generation) {
            all.clear();
            continue;
        }
        generation = seen;
        const bool last = rest.empty() || rest == std::string_view("\0", 1) || rest.ends_with(std::string_view("\0\0", 2));
        all.append(last && !rest.empty() ? rest.substr(0, rest.size() - 1) : rest);
        if (last)
            return strings_of(all);
    }
}

xen::Result<std::vector<std::string>> StoreClient::permissions(std::string_view path, TransactionId transaction)
{
    auto answer = request(Type::get_perms, transaction, {path, end}, {"cannot get permissions of ", path});
    if (!answer)
        return std::unexpected(std::move(answer.error()));
    return strings_of(*answer);
}

xen::Result<void> StoreClient::set_permissions(std::string_view path, const std::vector<std::string>& entries,
                                               TransactionId transaction)
{
    return discard(request(Type::set_perms, transaction, {path, end, all_terminated(entries)}, {"cannot set permissions of ", path}));
}

xen::Result<StoreClient::TransactionId> StoreClient::start_transaction()
{
    const auto answer = request(Type::transaction_start, no_transaction, {end}, {"cannot start a store transaction"});
    if (!answer)
        return std::unexpected(answer.error());
    const auto number = store::parse_number<std::uint32_t>(store::first_string(*answer).value_or(""));
    if (!number)
        return xen::failure(EPROTO, "cannot start a store transaction");
    return *number;
}

xen::Result<void> StoreClient::end_transaction(TransactionId transaction, Ending ending)
{
    return discard(request(Type::transaction_end, transaction, {ending == Ending::commit ? "T" : "F", end},
                           {"cannot end a store transaction"}));
}

xen::Result<void> StoreClient::watch(std::string_view path, std::string_view token)
{
    return discard(request(Type::watch, no_transaction, {path, end, token, end}, {"cannot watch ", path}));
}

xen::Result<void> StoreClient::unwatch(std::string_view path, std::string_view token)
{
    return discard(request(Type::unwatch, no_transaction, {path, end, token, end}, {"cannot stop watching ", path}));
}

xen::Result<std::optional<WatchEvent>> StoreClient::next_event()
{
    while (events_.empty()) {
        auto message = assembler_.next();
        if (!message)
            return xen::failure(EPROTO, "the store sends nonsense");
        if (*message) {
            if ((*message)->type == Type::watch_event)
                queue_event(**message);
            continue;
        }
        const auto received = receive(Wait::no);
        if (!received)
            return std::unexpected(received.error());
        if (!*received)
            return std::nullopt;
    }
    WatchEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
}

xen::Result<void> StoreClient::introduce(std::uint16_t domain, std::uint64_t frame, std::uint32_t port)
{
    return discard(request(Type::introduce, no_transaction,
                           {std::to_string(domain), end, std::to_string(frame), end, std::to_string(port), end},
                           {"the store cannot connect to domain ", std::to_string(domain)}));
}

xen::Result<void> StoreClient::release(std::uint16_t domain)
{
    return discard(request(Type::release, no_transaction, {std::to_string(domain), end}, {"the store cannot release domain ", std::to_string(domain)}));
}

xen::Result<void> StoreClient::resume(std::uint16_t domain)
{
    return discard(request(Type::resume, no_transaction, {std::to_string(domain), end}, {"the store cannot resume domain ", std::to_string(domain)}));
}

xen::Result<bool> StoreClient::is_introduced(std::uint16_t domain)
{
    auto answer = request(Type::is_domain_introduced, no_transaction, {std::to_string(domain), end},
                          {"cannot ask the store about domain ", std::to_string(domain)});
    if (!answer)
        return std::unexpected(std::move(answer.error()));
    return answer->starts_with('T');
}

xen::Result<std::string> StoreClient::control(const std::vector<std::string>& words)
{
    auto answer = request(Type::control, no_transaction, {all_terminated(words)}, {"the store refuses the command"});
    if (answer && answer->ends_with('\0'))
        answer->pop_back();
    return answer;
}

}  // namespace rf::rpc
