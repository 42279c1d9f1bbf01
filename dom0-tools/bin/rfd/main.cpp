// SPDX-License-Identifier: MIT
/// rfd: keeps this machine's domains as their definitions say. Stays in the foreground; may be killed at any time and
/// started again.

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>

#include "lifecycle/create.hpp"
#include "manager.hpp"
#include "rpc/log.hpp"
#include "rpc/notify_ready.hpp"

namespace {

constexpr std::string_view usage =
    "usage: rfd [--backend PROGRAM] [--pid-file FILE]\n"
    "  Acts when a domain powers off, reboots or crashes, as its definition says; starts a backend process for each domain\n"
    "  whose devices need one; removes what dead domains and killed tools have left.\n"
    "  --backend PROGRAM  the backend program (default: rf-backd beside rfd, in /usr/lib/ringfort, or in the search path)\n"
    "  --pid-file FILE    write the process id once ready\n";

struct Settings {
    std::string backend;
    std::string pid_file;
};

std::optional<Settings> parse(int count, char** arguments)
{
    Settings settings;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string_view name = arguments[i];
        if (name == "--backend")
            settings.backend = arguments[i + 1];
        else if (name == "--pid-file")
            settings.pid_file = arguments[i + 1];
        else
            return std::nullopt;
    }
    if (count % 2 == 0)
        return std::nullopt;
    return settings;
}

std::string find_backend()
{
    std::error_code error;
    const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
    for (const std::filesystem::path& directory : {own.parent_path(), std::filesystem::path("/usr/lib/ringfort")})
        if (::access((directory / "rf-backd").c_str(), X_OK) == 0)
            return directory / "rf-backd";
    return "rf-backd";
}

}  // namespace

int main(int count, char** arguments)
{
    auto settings = parse(count, arguments);
    if (!settings) {
        std::fwrite(usage.data(), 1, usage.size(), stderr);
        return 2;
    }
    if (settings->backend.empty())
        settings->backend = find_backend();
    std::signal(SIGPIPE, SIG_IGN);
    const rf::lifecycle::StateDirectory state;
    // Waits if somebody is just asking whether rfd runs; they hold the lock for a moment only.
    const auto lock = rf::lifecycle::manager_is_running(state)
                          ? state.lock_file(rf::lifecycle::manager_lock, rf::lifecycle::StateDirectory::Waiting::no)
                          : state.lock_file(rf::lifecycle::manager_lock, rf::lifecycle::StateDirectory::Waiting::yes);
    if (!lock) {
        rf::rpc::log(rf::rpc::Severity::error, "rfd: another rfd runs: " + lock.error().what);
        return 1;
    }
    boost::asio::io_context io(1);
    rf::manager::Manager manager(io, rf::lifecycle::Supervisor(state, settings->backend));
    manager.start();
    if (!settings->pid_file.empty())
        std::ofstream(settings->pid_file) << ::getpid() << '\n';
    rf::rpc::notify_ready();
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
    io.run();
    return 0;
}
