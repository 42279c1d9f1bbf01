// SPDX-License-Identifier: MIT
#pragma once
/// The console daemon: finds the domains that want a console, keeps one ConsoleSession for each, publishes the terminal in
/// the store, and lives through restarts of the store. Its own restart costs a guest nothing: rings are taken up where they
/// are. Single-threaded on one io_context.

#include <map>
#include <memory>
#include <optional>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "rpc/console_session.hpp"
#include "rpc/store_client.hpp"
#include "xen/system_control.hpp"

namespace rf::rpc {

struct ConsoleOptions {
    std::string socket_path = "/run/xenstored/socket";
    std::string log_directory = "/var/log/ringfort/console";
    ConsoleLimits limits;
    ConsoleLogLimits log_limits;
};

/// Everything that touches the hypervisor, opened once.
struct ConsoleDoors {
    xen::EventChannels events;
    xen::GrantMapper grants;
    xen::Privcmd privcmd;

    [[nodiscard]] static xen::Result<ConsoleDoors> open(xen::Kernel& kernel);
};

class ConsoleService {
public:
    ConsoleService(boost::asio::io_context& io, const ConsoleOptions& options, ConsoleDoors doors);
    ~ConsoleService();

    /// Connects to the store (or keeps trying) and serves whenever the io_context runs.
    void start();
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

private:
    void connect_store();
    void lose_store(const xen::Error& error);
    void await_store();
    void take_store_events();
    void await_events();

    void scan();
    void watch_domain(std::uint16_t domain);
    void open_console(std::uint16_t domain);
    [[nodiscard]] xen::Result<std::optional<ConsoleSession::Place>> find_console(std::uint16_t domain);
    [[nodiscard]] xen::Result<void> start_session(std::uint16_t domain, const ConsoleSession::Place& place);
    void close_console(std::uint16_t domain);

    boost::asio::io_context& io_;
    ConsoleOptions options_;
    ConsoleDoors doors_;
    std::optional<StoreClient> store_;
    std::optional<boost::asio::posix::stream_descriptor> store_wait_;
    boost::asio::posix::stream_descriptor event_wait_;
    boost::asio::steady_timer retry_timer_;
    std::map<std::uint16_t, std::shared_ptr<ConsoleSession>> sessions_;
    std::map<xen::LocalPort, std::uint16_t> domain_of_port_;
    std::set<std::uint16_t> watched_;
    bool store_missing_ = false;  ///< said so in the log already
};

}  // namespace rf::rpc
