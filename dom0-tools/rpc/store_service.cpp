// SPDX-License-Identifier: MIT
#include "rpc/store_service.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "rpc/log.hpp"
#include "xen/domctl.h"
#include "xen/event.h"
#include "xen/grant.h"

namespace rf::rpc {
namespace {

using boost::system::error_code;

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

StoreService::StoreService(boost::asio::io_context& io, const StoreOptions& options, StoreDoors doors, JournalFile journal)
    : io_(io), options_(options), doors_(std::move(doors)), journal_(std::move(journal)),
      server_(options.quota, *this), event_descriptor_(io, doors_.events.descriptor()),
      acceptor_(io)
{
}

StoreService::~StoreService()
{
    event_descriptor_.release();  // the descriptor belongs to doors_
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
    await_events();
    for (const auto& [connection, peer] : peers_)
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
    peers_[connection] = std::make_shared<RingPeer>(std::move(page), connection, server_, start, notify);
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
    peers_.erase(ring->second.connection);
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
    if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0)
        ::mkdir(path.substr(0, slash).c_str(), 0755);
    ::unlink(path.c_str());
    error_code error;
    acceptor_.open(boost::asio::local::stream_protocol(), error);
    if (!error)
        acceptor_.bind(path, error);
    if (!error)
        ::chmod(path.c_str(), 0600);
    if (!error)
        acceptor_.listen(128, error);
    if (error)
        return xen::failure(error.value(), "cannot listen on " + path);
    accept();
    return {};
}

void StoreService::accept()
{
    acceptor_.async_accept([this](const error_code& error, LocalPeer::Socket socket) {
        if (error == boost::asio::error::operation_aborted)
            return;
        if (!error) {
            const store::ConnectionId connection = server_.connect_local();
            peers_[connection] = std::make_shared<LocalPeer>(std::move(socket), connection,
                                                             [this](store::ConnectionId ready) { wake(ready); });
            wake(connection);
        }
        accept();
    });
}

void StoreService::await_events()
{
    event_descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
        if (error)
            return;
        take_events();
        await_events();
    });
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
    schedule();
}

}  // namespace rf::rpc
