// SPDX-License-Identifier: MIT
/// The turn loop of StoreService: who is served when, and the order of journal and replies.
#include <algorithm>
#include <cerrno>

#include "rpc/log.hpp"
#include "rpc/store_service.hpp"

namespace rf::rpc {
namespace {

/// Requests one client may have served per turn, and clients per turn.
constexpr unsigned requests_per_turn = 8;
constexpr std::size_t clients_per_turn = 64;

}  // namespace

void StoreService::wake(store::ConnectionId connection)
{
    if (std::ranges::find(queue_, connection) == queue_.end())
        queue_.push_back(connection);
}

bool StoreService::round(std::chrono::milliseconds limit)
{
    const unsigned ready = loop_.wait(queue_.empty() && !changed_ ? limit : std::chrono::milliseconds(0));
    if (!arrivals_.empty())
        admit();
    const bool work = !queue_.empty() || changed_;
    if (work)
        turn();
    return work || ready != 0;
}

void StoreService::turn()
{
    changed_ = false;
    served_.clear();
    const std::size_t clients = std::min(queue_.size(), clients_per_turn);
    for (std::size_t i = 0; i < clients; ++i) {
        const store::ConnectionId connection = queue_[i];
        // A copy of the pointer: a request may drop the very peer that made it.
        if (const auto client = clients_.find(connection); client != clients_.end())
            served_.emplace_back(connection, std::shared_ptr(client->second.peer)->take_requests(server_, requests_per_turn));
    }
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(clients));
    write_journal();
    const std::size_t takers = served_.size();
    const auto was_served = [&](store::ConnectionId connection) {
        return std::any_of(served_.begin(), served_.begin() + static_cast<std::ptrdiff_t>(takers),
                           [=](const auto& one) { return one.first == connection; });
    };
    server_.take_ready_outputs(ready_);
    for (const store::ConnectionId connection : ready_)
        if (!was_served(connection))
            served_.emplace_back(connection, Peer::Work::idle);
    for (const auto& [connection, work] : served_)
        finish(connection, work);
}

void StoreService::finish(store::ConnectionId connection, Peer::Work work)
{
    const auto client = clients_.find(connection);
    if (client == clients_.end())
        return;
    const Peer::Work sent = client->second.peer->send_replies(server_);
    if (sent == Peer::Work::closed || work == Peer::Work::closed) {
        drop(connection);
        return;
    }
    rearm(client->second);
    if (work == Peer::Work::blocked ? server_.accepts_requests(connection)
                                    : work == Peer::Work::more || sent == Peer::Work::more)
        wake(connection);
}

/// Lets the ring's event be reported again. Events that came in between are pending and arrive now.
void StoreService::rearm(const Client& client)
{
    if (!client.domain)
        return;
    Ring& ring = rings_.at(*client.domain);
    if (!std::exchange(ring.masked, false))
        return;
    if (auto armed = doors_.events.unmask(ring.port); !armed)
        log(Severity::error, armed.error().text());
}

void StoreService::drop(store::ConnectionId connection)
{
    clients_.erase(connection);
    server_.disconnect(connection);
    if (!accepting_) {
        accepting_ = true;
        loop_.change(listener_.number(), ReadyLoop::Interest::read);
    }
}

void StoreService::write_journal()
{
    if (server_.records().empty())
        return;
    // Behind a batch that is missing, none may follow: then a snapshot is the only way on.
    xen::Result<void> written = journal_failed_ ? xen::failure(EIO, "the journal misses a batch") : journal_.append(server_.records());
    server_.forget_records();
    if (!written || journal_.has_grown())
        written = journal_.replace(server_.snapshot());
    // Serving on without a journal is better than not serving; the next turn tries again with a whole snapshot.
    if (!written && !journal_failed_)
        log(Severity::error, written.error().text() + "; a restart now would lose changes");
    journal_failed_ = !written;
}

}  // namespace rf::rpc
