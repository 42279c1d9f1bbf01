// SPDX-License-Identifier: MIT
#include "rpc/local_peer.hpp"

#include <cerrno>
#include <sys/socket.h>

namespace rf::rpc {
namespace {

bool is_for_now(int problem)
{
    return problem == EAGAIN || problem == EWOULDBLOCK || problem == EINTR;
}

}  // namespace

xen::Result<std::shared_ptr<LocalPeer>> LocalPeer::create(xen::Descriptor socket, store::ConnectionId connection, ReadyLoop& loop,
                                                          ReadyLoop::Handler ready)
{
    if (auto watched = loop.watch(socket.number(), ReadyLoop::Interest::read, std::move(ready)); !watched)
        return std::unexpected(watched.error());
    return std::make_shared<LocalPeer>(std::move(socket), connection, loop);
}

void LocalPeer::listen_for(ReadyLoop::Interest interest)
{
    if (interest == interest_)
        return;
    interest_ = interest;
    loop_.change(socket_.number(), interest);
}

LocalPeer::Read LocalPeer::receive()
{
    char buffer[store::header_bytes + store::payload_max];  // filled by the kernel as far as it says
    const ssize_t count = ::recv(socket_.number(), buffer, sizeof buffer, 0);
    if (count < 0 && is_for_now(errno))
        return Read::none;
    if (count <= 0)
        return Read::closed;
    assembler_.feed({buffer, static_cast<std::size_t>(count)});
    return static_cast<std::size_t>(count) < sizeof buffer ? Read::all : Read::some;
}

Peer::Work LocalPeer::take_requests(store::Server& server, unsigned budget)
{
    // A read that did not fill its buffer took all there was; another would only say so, and the loop tells of what comes later.
    for (bool drained = false; budget > 0;) {
        if (server.is_overrun(connection()))
            return Work::closed;
        if (!server.accepts_requests(connection()))
            return Work::blocked;
        const auto message = assembler_.next();
        if (!message)
            return Work::closed;
        if (*message) {
            server.process(connection(), **message);
            --budget;
            continue;
        }
        const Read read = drained ? Read::none : receive();
        if (read == Read::none || read == Read::closed)
            return read == Read::none ? Work::idle : Work::closed;
        drained = read == Read::all;
    }
    return Work::more;
}

Peer::Work LocalPeer::send_replies(store::Server& server)
{
    if (server.is_overrun(connection()))
        return Work::closed;
    auto interest = ReadyLoop::Interest::read;
    while (!server.outbox(connection()).empty()) {
        const std::string_view bytes = server.outbox(connection()).front();
        const ssize_t count = ::send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && is_for_now(errno)) {
            // Who must take replies first is not read from: reporting that he has sent more would go on for ever.
            interest = server.accepts_requests(connection()) ? ReadyLoop::Interest::both : ReadyLoop::Interest::write;
            break;
        }
        if (count < 0)
            return Work::closed;
        server.delivered(connection(), static_cast<std::size_t>(count));
    }
    listen_for(interest);
    return interest == ReadyLoop::Interest::read ? Work::idle : Work::blocked;
}

}  // namespace rf::rpc
