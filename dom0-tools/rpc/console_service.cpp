// SPDX-License-Identifier: MIT
#include "rpc/console_service.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>

#include "rpc/log.hpp"
#include "store/path.hpp"
#include "xen/domctl.h"
#include "xen/grant.h"

namespace rf::rpc {
namespace {

using boost::system::error_code;
using Descriptor = boost::asio::posix::stream_descriptor;

constexpr auto retry_pause = std::chrono::seconds(1);
constexpr auto linger = std::chrono::seconds(2);
const std::string domain_token = "domains";
const std::string console_token = "console";

std::string console_path(std::uint16_t domain, std::string_view node)
{
    return store::home_of(domain) + "/console" + (node.empty() ? "" : "/") + std::string(node);
}

/// The number in "/local/domain/<number>/...".
store::Result<std::uint16_t> domain_of_path(std::string_view path)
{
    constexpr std::size_t prefix = std::string_view("/local/domain/").size();
    if (path.size() <= prefix)
        return std::unexpected(store::Error::invalid);
    return store::parse_number<std::uint16_t>(path.substr(prefix, path.find('/', prefix) - prefix));
}

}  // namespace

xen::Result<ConsoleDoors> ConsoleDoors::open(xen::Kernel& kernel)
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
    return ConsoleDoors{std::move(*events), std::move(*grants), std::move(*privcmd)};
}

ConsoleService::ConsoleService(boost::asio::io_context& io, const ConsoleOptions& options, ConsoleDoors doors)
    : io_(io), options_(options), doors_(std::move(doors)), event_wait_(io, doors_.events.descriptor()), retry_timer_(io)
{
}

ConsoleService::~ConsoleService()
{
    event_wait_.release();  // the descriptors belong to doors_ and store_
    if (store_wait_)
        store_wait_->release();
}

void ConsoleService::start()
{
    await_events();
    connect_store();
}

void ConsoleService::connect_store()
{
    auto client = StoreClient::connect(options_.socket_path);
    if (!client) {
        lose_store(client.error());
        return;
    }
    store_ = std::move(*client);
    watched_.clear();
    for (const char* name : {"@introduceDomain", "@releaseDomain"}) {
        if (auto watched = store_->watch(name, domain_token); !watched) {
            lose_store(watched.error());
            return;
        }
    }
    store_missing_ = false;
    store_wait_.emplace(io_, store_->descriptor());
    scan();
    take_store_events();
    if (store_)
        await_store();
}

void ConsoleService::lose_store(const xen::Error& error)
{
    if (!store_missing_)
        log(Severity::warning, error.text() + "; trying again until the store is back");
    store_missing_ = true;
    if (store_wait_) {
        store_wait_->release();
        store_wait_.reset();
    }
    store_.reset();
    retry_timer_.expires_after(retry_pause);
    retry_timer_.async_wait([this](const error_code& cancelled) {
        if (!cancelled)
            connect_store();
    });
}

void ConsoleService::await_store()
{
    store_wait_->async_wait(Descriptor::wait_read, [this](const error_code& error) {
        if (error || !store_)
            return;
        take_store_events();
        if (store_)
            await_store();
    });
}

/// Acts on the store's events until there are no more: a request made meanwhile may have brought new ones along.
void ConsoleService::take_store_events()
{
    while (store_) {
        const auto event = store_->next_event();
        if (!event) {
            lose_store(event.error());
            return;
        }
        if (!*event)
            return;
        if ((*event)->token == domain_token) {
            scan();
            continue;
        }
        const auto domain = domain_of_path((*event)->path);
        if (domain && watched_.contains(*domain))
            open_console(*domain);
    }
}

void ConsoleService::await_events()
{
    event_wait_.async_wait(Descriptor::wait_read, [this](const error_code& error) {
        if (error)
            return;
        const auto ports = doors_.events.pending();
        if (!ports)
            log(Severity::error, ports.error().text());
        for (const xen::LocalPort port : ports.value_or(std::vector<xen::LocalPort>{}))
            if (const auto domain = domain_of_port_.find(port); domain != domain_of_port_.end())
                sessions_.at(domain->second)->on_event();
        await_events();
    });
}

/// Compares the hypervisor's domains with the open consoles.
void ConsoleService::scan()
{
    const auto domains = xen::SystemControl(doors_.privcmd).domains();
    if (!domains) {
        log(Severity::error, domains.error().text());
        return;
    }
    std::vector<std::uint16_t> alive;  // rising, as the hypervisor lists them
    for (const auto& info : *domains)
        if (info.domain != 0 && !(info.flags & ::xen::XEN_DOMINF_dying))
            alive.push_back(info.domain);
    std::vector<std::uint16_t> gone;
    std::ranges::set_difference(std::views::keys(sessions_), alive, std::back_inserter(gone));
    std::ranges::set_difference(watched_, alive, std::back_inserter(gone));
    for (const std::uint16_t domain : gone)
        close_console(domain);
    for (const std::uint16_t domain : alive) {
        // Of an open console that moves the watch tells.
        if (watched_.contains(domain) && sessions_.contains(domain))
            continue;
        if (store_)
            watch_domain(domain);
        if (store_)
            open_console(domain);
    }
}

void ConsoleService::watch_domain(std::uint16_t domain)
{
    if (!watched_.insert(domain).second)
        return;
    if (auto watched = store_->watch(console_path(domain, ""), console_token); !watched)
        lose_store(watched.error());
}

/// Where the toolstack has put the domain's console; nullopt if it has none yet, or one that others serve.
xen::Result<std::optional<ConsoleSession::Place>> ConsoleService::find_console(std::uint16_t domain)
{
    std::optional<std::string> values[3];
    const char* names[3] = {"ring-ref", "port", "type"};
    for (int i = 0; i < 3; ++i) {
        auto value = store_->read_if_exists(console_path(domain, names[i]));
        if (!value)
            return std::unexpected(value.error());
        values[i] = std::move(*value);
    }
    const auto frame = store::parse_number<std::uint64_t>(values[0].value_or(""));
    const auto port = store::parse_number<std::uint32_t>(values[1].value_or(""));
    if (!frame || !port || *port == 0 || values[2].value_or("xenconsoled") != "xenconsoled")
        return std::nullopt;
    return ConsoleSession::Place{*frame, *port};
}

void ConsoleService::open_console(std::uint16_t domain)
{
    const auto place = find_console(domain);
    if (!place) {
        lose_store(place.error());
        return;
    }
    const auto session = sessions_.find(domain);
    if (!*place || (session != sessions_.end() && session->second->place() == **place))
        return;
    if (session != sessions_.end()) {
        domain_of_port_.erase(session->second->port());
        session->second->retire();
        sessions_.erase(session);
    }
    if (auto started = start_session(domain, **place); !started)
        log(Severity::error, "no console for domain " + std::to_string(domain) + ": " + started.error().text());
}

xen::Result<void> ConsoleService::start_session(std::uint16_t domain, const ConsoleSession::Place& place)
{
    const auto name = store_->read_if_exists(store::home_of(domain) + "/name");
    const std::string file = file_name_of(name ? name->value_or("") : "");
    auto terminal = PseudoTerminal::open();
    if (!terminal)
        return std::unexpected(terminal.error());
    auto page = SharedPage::map(doors_.grants, doors_.privcmd, xen::DomainId(domain),
                                xen::GrantRef(::xen::GNTTAB_RESERVED_CONSOLE), xen::Mfn(place.frame));
    if (!page)
        return std::unexpected(page.error());
    auto port = doors_.events.bind_interdomain(xen::DomainId(domain), xen::RemotePort(place.port));
    if (!port)
        return std::unexpected(port.error());

    auto session = std::make_shared<ConsoleSession>(
        io_, doors_.events, place, ConsoleSession::Parts{std::move(*page), *port, std::move(*terminal)},
        options_.log_directory + "/" + (file.empty() ? std::to_string(domain) : file) + ".log", options_.limits,
        options_.log_limits);
    sessions_[domain] = session;
    domain_of_port_[*port] = domain;
    session->pump();
    return store_->write(console_path(domain, "tty"), session->terminal_path());
}

void ConsoleService::close_console(std::uint16_t domain)
{
    if (watched_.erase(domain) && store_)
        (void)store_->unwatch(console_path(domain, ""), console_token);  // a lost store shows itself at the next request
    const auto found = sessions_.find(domain);
    if (found == sessions_.end())
        return;
    const std::shared_ptr<ConsoleSession> session = found->second;
    domain_of_port_.erase(session->port());
    sessions_.erase(found);
    session->retire();
    if (session->is_flushed())
        return;
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, linger);
    timer->async_wait([session, timer](const error_code&) {});
}

}  // namespace rf::rpc
