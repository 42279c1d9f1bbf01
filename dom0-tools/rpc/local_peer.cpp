// SPDX-License-Identifier: MIT
#include "rpc/local_peer.hpp"

#include <array>

#include <boost/asio/buffer.hpp>

namespace rf::rpc {

using boost::system::error_code;

LocalPeer::LocalPeer(Socket socket, store::ConnectionId connection, Wake wake)
    : Peer(connection), socket_(std::move(socket)), wake_(std::move(wake))
{
    error_code ignored;  // a socket that cannot be made non-blocking fails at its first use
    socket_.non_blocking(true, ignored);
}

void LocalPeer::wait_for(Socket::wait_type type, Wait LocalPeer::*flag)
{
    if (this->*flag == Wait::waiting)
        return;
    this->*flag = Wait::waiting;
    socket_.async_wait(type, [weak = weak_from_this(), flag](const error_code& error) {
        const auto self = weak.lock();
        if (!self || error == boost::asio::error::operation_aborted)
            return;
        (*self).*flag = Wait::none;
        self->wake_(self->connection());
    });
}

Peer::Work LocalPeer::receive()
{
    // The last read took all there was: another one would only say so. What has come since completes the wait at once.
    if (drained_) {
        drained_ = false;
        wait_for(Socket::wait_read, &LocalPeer::reading_);
        return Work::idle;
    }
    std::array<char, store::header_bytes + store::payload_max> buffer;
    error_code error;
    const std::size_t count = socket_.read_some(boost::asio::buffer(buffer), error);
    if (error == boost::asio::error::would_block) {
        wait_for(Socket::wait_read, &LocalPeer::reading_);
        return Work::idle;
    }
    if (error)
        return Work::closed;
    drained_ = count < buffer.size();
    assembler_.feed({buffer.data(), count});
    return Work::more;
}

Peer::Work LocalPeer::take_requests(store::Server& server, unsigned budget)
{
    while (budget > 0) {
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
        } else if (const Work work = receive(); work != Work::more) {
            return work;
        }
    }
    return Work::more;
}

Peer::Work LocalPeer::send_replies(store::Server& server)
{
    if (server.is_overrun(connection()))
        return Work::closed;
    while (!server.outbox(connection()).empty()) {
        const std::string_view bytes = server.outbox(connection()).front();
        error_code error;
        const std::size_t count = socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
        if (error == boost::asio::error::would_block) {
            wait_for(Socket::wait_write, &LocalPeer::writing_);
            return Work::blocked;
        }
        if (error)
            return Work::closed;
        server.delivered(connection(), count);
    }
    return Work::idle;
}

}  // namespace rf::rpc
