// SPDX-License-Identifier: MIT
#include "rpc/ring_peer.hpp"

namespace rf::rpc {
namespace {

::xen::xenstore_domain_interface* store_interface_in(const SharedPage& page)
{
    return reinterpret_cast<::xen::xenstore_domain_interface*>(page.data());
}

}  // namespace

RingPeer::RingPeer(SharedPage page, store::ConnectionId connection, store::Server& server, Start start, Notify notify)
    : Peer(connection),
      page_(std::move(page)),
      interface_(store_interface_in(page_)),
      requests_(interface_->req, &interface_->req_prod, &interface_->req_cons,
                start == Start::fresh ? read_once(interface_->req_cons) : server.ring(connection).request_index),
      replies_(interface_->rsp, &interface_->rsp_prod, &interface_->rsp_cons, read_once(interface_->rsp_prod)),
      notify_(std::move(notify)),
      recorded_(requests_.position())
{
    std::atomic_ref(interface_->server_features)
        .store(::xen::XENSTORE_SERVER_FEATURE_RECONNECTION | ::xen::XENSTORE_SERVER_FEATURE_ERROR);
    if (start == Start::fresh) {
        std::atomic_ref(interface_->connection).store(::xen::XENSTORE_CONNECTED);
        std::atomic_ref(interface_->error).store(::xen::XENSTORE_ERROR_NONE);
        server.ring_reset(connection, requests_.position(), replies_.position());
        return;
    }
    assembler_.feed(server.ring(connection).remainder);
    // What the dead store had already put into the ring leaves the outbox.
    const std::uint32_t sent = replies_.position() - server.ring(connection).response_index;
    if (sent <= server.outbox(connection).bytes())
        server.delivered(connection, sent);
    else
        break_off(::xen::XENSTORE_ERROR_RINGIDX);
    // The dead store may have taken requests without telling: tell now, and wake a domain whose event was lost.
    std::atomic_ref(interface_->req_cons).store(requests_.position(), std::memory_order_seq_cst);
    notify_needed_ = true;
}

void RingPeer::break_off(std::uint32_t error)
{
    broken_ = true;
    notify_needed_ = true;
    std::atomic_ref(interface_->error).store(error, std::memory_order_release);
}

/// The domain asked for a new start of the ring: everything in flight and all of its watches are dropped.
void RingPeer::reconnect(store::Server& server)
{
    (void)server.handle(connection(), {store::Type::reset_watches, 0, 0, {}});  // cannot fail
    std::atomic_ref(interface_->req_cons).store(0);
    std::atomic_ref(interface_->req_prod).store(0);
    std::atomic_ref(interface_->rsp_cons).store(0);
    std::atomic_ref(interface_->rsp_prod).store(0);
    requests_ = RingReader(interface_->req, &interface_->req_prod, &interface_->req_cons, 0);
    replies_ = RingWriter(interface_->rsp, &interface_->rsp_prod, &interface_->rsp_cons, 0);
    assembler_ = {};
    recorded_ = 0;
    broken_ = false;
    server.ring_reset(connection(), 0, 0);
    std::atomic_ref(interface_->error).store(::xen::XENSTORE_ERROR_NONE);
    std::atomic_ref(interface_->connection).store(::xen::XENSTORE_CONNECTED, std::memory_order_release);
    notify_needed_ = true;
}

/// Handles one whole request; false when there is none yet or the ring has been broken off.
bool RingPeer::next_request(store::Server& server)
{
    for (;;) {
        auto message = assembler_.next();
        if (!message) {
            break_off(::xen::XENSTORE_ERROR_PROTO);
            return false;
        }
        if (*message) {
            server.process(connection(), **message);
            return true;
        }
        const auto bytes = requests_.take(assembler_.wanted());
        if (!bytes) {
            break_off(::xen::XENSTORE_ERROR_RINGIDX);
            return false;
        }
        if (bytes->empty())
            return false;
        assembler_.feed(*bytes);
    }
}

Peer::Work RingPeer::take_requests(store::Server& server, unsigned budget)
{
    if (read_once(interface_->connection) == ::xen::XENSTORE_RECONNECT)
        reconnect(server);
    if (broken_)
        return Work::idle;
    Work work = Work::more;
    for (; budget > 0 && work == Work::more; --budget) {
        if (!server.accepts_requests(connection()))
            work = Work::blocked;
        else if (!next_request(server))
            work = Work::idle;
    }
    if (recorded_ != requests_.position()) {
        recorded_ = requests_.position();
        server.ring_progressed(connection(), recorded_, assembler_.remainder());
    }
    return work;
}

Peer::Work RingPeer::send_replies(store::Server& server)
{
    notify_needed_ |= requests_.publish();
    // A guest's kernel notifies only when it saw an empty request ring or a full reply ring. So both are looked at once more
    // after our indices are out, or a request that came in between would lie there until the next one.
    while (!broken_ && !server.outbox(connection()).empty() && replies_.has_room()) {
        const auto count = replies_.put(server.outbox(connection()).front());
        if (!count) {
            break_off(::xen::XENSTORE_ERROR_RINGIDX);
            break;
        }
        if (*count == 0)
            break;  // room that vanishes again is a game of the guest's, not worth another look
        server.delivered(connection(), *count);
        notify_needed_ |= replies_.publish();
    }
    if (notify_needed_)
        notify_();
    notify_needed_ = false;
    return !broken_ && requests_.has_more() ? Work::more : Work::idle;
}

}  // namespace rf::rpc
