// SPDX-License-Identifier: MIT
#include "rpc/store_service.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/log.hpp"
#include "xen/domctl.h"
#include "xen/event.h"
#include "xen/grant.h"

namespace rf::rpc {
namespace {

constexpr int waiting_connections = 128;

store::DomainStatus status_of(const ::xen::xen_domctl_getdomaininfo& info)
{
    if (info.flags & ::xen::XEN_DOMINF_dying)
        return {info.domain, store::DomainState::dying};
    if (info.flags & ::xen::XEN_DOMINF_shutdown)
        return {info.domain, store::DomainState::shut_down};
    return {info.domain, store::DomainState::running};
}

}  // namespace

xen::Result<StoreDoors> StoreDoors::open(xen::Kernel& kernel)
{
    auto events = xen::EventChannels::open(kernel);
    if (!events)
        return std::unexpected(events.error());
    auto grants = xen::GrantMapper::open(kernel);
    if (!grants)
        return std::unexpected(grants.error());
    auto privcmd = xen::Privcmd::open(kernel);
    if (!privcmd)
        return std::unexpected(privcmd.error());
    auto exception = events->bind_virq(::xen::VIRQ_DOM_EXC);
    if (!exception)
        return xen::failure(exception.error().code, exception.error().message + " (does another store daemon run?)");
    return StoreDoors{std::move(*events), std::move(*grants), std::move(*privcmd), *exception};
}

StoreService::StoreService(ReadyLoop& loop, const StoreOptions& options, StoreDoors doors, JournalFile journal)
    : loop_(loop), options_(options), doors_(std::move(doors)), journal_(std::move(journal)), server_(options.quota, *this)
{
}

StoreService::~StoreService()
{
    if (!listener_)
        return;
    loop_.forget(listener_.number());
    loop_.forget(doors_.events.descriptor());
}

xen::Result<void> StoreService::start(xen::OwnStoreRing own_ring)
{
    if (auto done = restore(); !done)
        return done;
    refresh_domains();
    if (auto done = attach_own(std::move(own_ring)); !done)
        return done;
    attach_known_domains();
    (void)server_.take_records();  // the snapshot below says it all
    if (auto done = journal_.replace(server_.snapshot()); !done)
        return done;
    if (auto done = listen(); !done)
        return done;
    for (const auto& [connection, client] : clients_)
        wake(connection);
    // Dom0's kernel waits for a first event of a store before it looks for devices that its own drivers are to serve.
    return doors_.events.notify(rings_.at(0).port);
}

xen::Result<void> StoreService::restore()
{
    const auto batches = journal_.load();
    if (!batches)
        return std::unexpected(batches.error());
    for (const std::string& batch : *batches) {
        if (!server_.replay(batch))
            return xen::failure(EBADMSG, "the store's journal holds a record that makes no sense; move it away to start empty");
    }
    if (!batches->empty()) {
        server_.resume_after_replay();
        log(Severity::notice, "store restored from " + std::to_string(batches->size()) + " journal batches, " +
                                  std::to_string(server_.domains().served().size()) + " domain(s)");
        return {};
    }
    const store::ConnectionId setup = server_.connect_local();
    server_.process(setup, {store::Type::mkdir, 0, 0, std::string("/tool/xenstored") + '\0'});
    server_.disconnect(setup);
    return {};
}

xen::Result<void> StoreService::attach(std::uint16_t domain, SharedPage page, xen::RemotePort port,
                                       store::ConnectionId connection, RingPeer::Start start)
{
    const auto local = doors_.events.bind_interdomain(xen::DomainId(domain), port);
    if (!local)
        return std::unexpected(local.error());
    const auto notify = [this, port = *local] {
        if (auto sent = doors_.events.notify(port); !sent)
            log(Severity::warning, sent.error().text());
    };
    clients_[connection] = {std::make_shared<RingPeer>(std::move(page), connection, server_, start, notify), domain};
    rings_[domain] = {connection, *local, false};
    domain_of_port_[*local] = domain;
    wake(connection);
    return {};
}

xen::Result<void> StoreService::attach_domain(std::uint16_t domain, const store::ServedDomain& served, RingPeer::Start start)
{
    auto page = SharedPage::map(doors_.grants, doors_.privcmd, xen::DomainId(domain),
                                xen::GrantRef(::xen::GNTTAB_RESERVED_XENSTORE), xen::Mfn(served.frame));
    if (!page)
        return std::unexpected(page.error());
    return attach(domain, std::move(*page), xen::RemotePort(served.port), served.connection, start);
}

xen::Result<void> StoreService::attach_own(xen::OwnStoreRing own_ring)
{
    const bool known = server_.domains().served().contains(0);
    const store::ConnectionId connection = server_.attach_own_ring();
    return attach(0, SharedPage(std::move(own_ring.page)), own_ring.port, connection,
                  known ? RingPeer::Start::restored : RingPeer::Start::fresh);
}

void StoreService::attach_known_domains()
{
    const auto served = server_.domains().served();
    const store::ConnectionId local = server_.connect_local();
    for (const auto& [domain, details] : served) {
        if (domain == 0)
            continue;
        if (auto done = attach_domain(domain, details, RingPeer::Start::restored); !done) {
            log(Severity::error, "domain " + std::to_string(domain) + " cannot be served any more: " + done.error().text());
            server_.process(local, {store::Type::release, 0, 0, std::to_string(domain) + '\0'});
        }
    }
    server_.disconnect(local);
}

bool StoreService::connect(std::uint16_t domain, const store::ServedDomain& served)
{
    const auto done = attach_domain(domain, served, RingPeer::Start::fresh);
    if (!done)
        log(Severity::error, done.error().text());
    return done.has_value();
}

void StoreService::disconnect(std::uint16_t domain)
{
    const auto ring = rings_.find(domain);
    if (ring == rings_.end())
        return;
    clients_.erase(ring->second.connection);
    domain_of_port_.erase(ring->second.port);
    if (auto closed = doors_.events.unbind(ring->second.port); !closed)
        log(Severity::warning, closed.error().text());
    rings_.erase(ring);
}

void StoreService::print(std::string_view text)
{
    log(Severity::info, text);
}

xen::Result<void> StoreService::listen()
{
    const std::string& path = options_.socket_path;
    const auto failed = [&](int problem) { return xen::failure(problem, "cannot listen on " + path); };
    if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0)
        ::mkdir(path.substr(0, slash).c_str(), 0755);
    ::unlink(path.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failed(ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    xen::Descriptor listener(xen::Kernel::host(), ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!listener || ::bind(listener.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(listener.number(), waiting_connections) != 0)
        return failed(errno);
    auto watched = loop_.watch(listener.number(), ReadyLoop::Interest::read, [this] { accept(); });
    if (!watched)
        return watched;
    watched = loop_.watch(doors_.events.descriptor(), ReadyLoop::Interest::read, [this] { take_events(); });
    if (!watched) {
        loop_.forget(listener.number());
        return watched;
    }
    listener_ = std::move(listener);
    return {};
}

/// One new client. A loop that is told of the same readiness again comes back for the others.
void StoreService::accept()
{
    xen::Descriptor socket(xen::Kernel::host(), ::accept4(listener_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
        // Out of descriptors the listener stays ready: it is let alone until a client has gone.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            accepting_ = false;
            loop_.change(listener_.number(), ReadyLoop::Interest::none);
        }
        return;
    }
    arrivals_.push_back(std::move(socket));
}

/// Clients that were accepted in this round; not by their handler, for that may not add to the loop.
void StoreService::admit()
{
    for (xen::Descriptor& socket : arrivals_) {
        const store::ConnectionId connection = server_.connect_local();
        auto peer = LocalPeer::create(std::move(socket), connection, loop_, [this, connection] { wake(connection); });
        if (peer) {
            clients_[connection] = {std::move(*peer), std::nullopt};
        } else {
            log(Severity::warning, peer.error().text());
            server_.disconnect(connection);
        }
    }
    arrivals_.clear();
}

void StoreService::take_events()
{
    const auto ports = doors_.events.pending();
    if (!ports) {
        log(Severity::error, ports.error().text());
        return;
    }
    for (const xen::LocalPort port : *ports) {
        if (port == doors_.domain_exception) {
            if (auto armed = doors_.events.unmask(port); !armed)
                log(Severity::error, armed.error().text());
            refresh_domains();
        } else if (const auto domain = domain_of_port_.find(port); domain != domain_of_port_.end()) {
            Ring& ring = rings_.at(domain->second);
            ring.masked = true;
            wake(ring.connection);
        }
    }
}

void StoreService::refresh_domains()
{
    const auto domains = xen::SystemControl(doors_.privcmd).domains();
    if (!domains) {
        log(Severity::error, domains.error().text());
        return;
    }
    std::vector<store::DomainStatus> states;
    for (const auto& info : *domains)
        states.push_back(status_of(info));
    server_.update_domains(states);
    changed_ = true;
}

}  // namespace rf::rpc
