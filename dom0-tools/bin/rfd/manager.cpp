// SPDX-License-Identifier: MIT
#include "manager.hpp"

#include <algorithm>
#include <sys/wait.h>

#include <boost/asio/post.hpp>

#include "lifecycle/create.hpp"
#include "lifecycle/error_reports.hpp"
#include "rpc/log.hpp"
#include "xen/grant_map.hpp"

namespace rf::manager {
namespace {

using boost::system::error_code;
using lifecycle::Task;
using Extent = lifecycle::Supervisor::Extent;
using rpc::Severity;
using rpc::log;

/// How long something may go unnoticed that no event tells of, such as the death of a builder.
constexpr auto look_interval = std::chrono::seconds(2);
/// Between attempts to reach a store that is not there, or no more.
constexpr auto connect_interval = std::chrono::milliseconds(100);
constexpr std::size_t worker_threads = 4;
/// Tokens of watches.
constexpr const char* about_domains = "domains";
constexpr const char* about_reports = "reports";

/// Dom0's own entry in the store: its name, for everybody who lists domains. An entry that is there stays.
xen::Result<void> describe_control_domain(rpc::StoreClient& store)
{
    if (store.read("/local/domain/0/name"))
        return {};
    if (auto written = store.write("/local/domain/0/domid", "0"); !written)
        return written;
    return store.write("/local/domain/0/name", "Domain-0");
}

}  // namespace

Manager::Manager(boost::asio::io_context& io, lifecycle::Supervisor supervisor)
    : io_(io), supervisor_(std::move(supervisor)), timer_(io), children_(io, SIGCHLD), workers_(worker_threads)
{
}

Manager::~Manager()
{
    workers_.join();
    if (store_wait_)
        store_wait_->release();  // the descriptor belongs to session_
}

void Manager::start()
{
    boost::asio::post(workers_, [] {
        // Else the first domain would wait for it.
        if (auto grants = xen::GrantMapper::open(); grants)
            (void)grants->make_ready();  // whoever maps a grant will hear of the trouble
    });
    await_children();
    await_timer();
    connect();
}

void Manager::connect()
{
    auto session = lifecycle::Session::open();
    if (!session)
        return lose_session(session.error().what);
    if (auto made = session->store.write(lifecycle::manager_bell, ""); !made)
        return lose_session(made.error().text());
    for (const char* name : {"@introduceDomain", "@releaseDomain", lifecycle::manager_bell})
        if (auto watched = session->store.watch(name, about_domains); !watched)
            return lose_session(watched.error().text());
    // It fires at once, so reports of an earlier time are found, too.
    if (auto watched = session->store.watch(lifecycle::error_reports, about_reports); !watched)
        return lose_session(watched.error().text());
    if (auto described = describe_control_domain(session->store); !described)
        return lose_session(described.error().text());
    session_.emplace(std::move(*session));
    store_wait_.emplace(io_, session_->store.descriptor());
    complaint_.clear();
    look(Extent::all);
    await_store();
}

void Manager::lose_session(const std::string& why)
{
    if (why != complaint_)
        log(Severity::warning, why + "; trying again");
    complaint_ = why;
    if (store_wait_)
        store_wait_->release();
    store_wait_.reset();
    session_.reset();
    await_timer();
}

void Manager::await_store()
{
    if (!store_wait_)
        return;
    store_wait_->async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
        if (error || !session_)
            return;
        look(Extent::changes);
        await_store();
    });
}

void Manager::await_timer()
{
    if (session_)
        timer_.expires_after(look_interval);
    else
        timer_.expires_after(connect_interval);
    timer_.async_wait([this](const error_code& error) {
        if (error)
            return;  // set anew meanwhile
        await_timer();
        if (session_)
            look(Extent::all);
        else
            connect();
    });
}

void Manager::await_children()
{
    children_.async_wait([this](const error_code& error, int) {
        if (error)
            return;
        int status = 0;
        while (const pid_t process = ::waitpid(-1, &status, WNOHANG)) {
            if (process < 0)
                break;
            if (WIFSIGNALED(status))
                log(Severity::error, "backend process " + std::to_string(process) + " was killed by signal " + std::to_string(WTERMSIG(status)));
            else if (WEXITSTATUS(status) != 0)
                log(Severity::error, "backend process " + std::to_string(process) + " failed with code " + std::to_string(WEXITSTATUS(status)));
        }
        if (session_)
            look(Extent::all);
        await_children();
    });
}

void Manager::look(Extent extent)
{
    // What the events about domains say in detail does not matter: a look sees what has changed.
    for (;;) {
        const auto event = session_->store.next_event();
        if (!event)
            return lose_session(event.error().text());
        if (!*event)
            break;
        reports_ = reports_ || (*event)->token == about_reports;
    }
    const auto tasks = supervisor_.look(*session_, extent);
    if (!tasks)
        return lose_session(tasks.error().what);
    for (const Task& task : *tasks)
        begin(task);
    if (!reports_)
        return;
    const auto left = lifecycle::remove_stale_reports(*session_);
    if (!left)
        return lose_session(left.error().what);
    reports_ = *left;
}

void Manager::begin(const Task& task)
{
    if (std::ranges::any_of(busy_, [&](const Task& other) { return lifecycle::exclude_each_other(task, other); }))
        return;
    busy_.insert(task);
    boost::asio::post(workers_, [this, task] {
        auto session = lifecycle::Session::open();
        const auto done = session ? supervisor_.carry_out(*session, task) : lifecycle::Result<void>(std::unexpected(session.error()));
        if (!done)
            log(Severity::error, done.error().what);
        boost::asio::post(io_, [this, task] { busy_.erase(task); });
    });
}

}  // namespace rf::manager
