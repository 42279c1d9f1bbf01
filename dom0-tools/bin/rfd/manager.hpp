// SPDX-License-Identifier: MIT
#pragma once
/// rfd's event loop: looks whenever the store tells of a domain that came, ended or went, at that domain; and at all of them when a
/// child ends, and now and then. Deeds run on a few worker threads; no two for the same domain at once. Lives through restarts of the store.

#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "lifecycle/supervisor.hpp"

namespace rf::manager {

class Manager {
public:
    Manager(boost::asio::io_context& io, lifecycle::Supervisor supervisor);
    ~Manager();

    void start();

private:
    void connect();
    void lose_session(const std::string& why);
    void await_store();
    void look(lifecycle::Supervisor::Extent extent);
    void begin(const lifecycle::Task& task);
    void await_timer();
    void await_children();

    boost::asio::io_context& io_;
    lifecycle::Supervisor supervisor_;
    std::optional<lifecycle::Session> session_;
    std::optional<boost::asio::posix::stream_descriptor> store_wait_;
    boost::asio::steady_timer timer_;
    boost::asio::signal_set children_;
    std::set<lifecycle::Task> busy_;  ///< under way
    bool reports_ = false;                                   ///< Dom0's kernel may have noted troubles with devices
    std::string complaint_;                                  ///< said last about the store, to say it once
    boost::asio::thread_pool workers_;                       ///< last: its threads end before the rest goes
};

}  // namespace rf::manager
