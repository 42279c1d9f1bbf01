// SPDX-License-Identifier: MIT
/// rf-consoled: the consoles of all guests of this machine. Stays in the foreground; may be killed at any time and started
/// again.

#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>

#include "rpc/console_service.hpp"
#include "rpc/log.hpp"
#include "rpc/notify_ready.hpp"

namespace {

constexpr std::string_view usage =
    "usage: rf-consoled [--socket PATH] [--log-dir DIR] [--log-size BYTES] [--log-files N] [--rate BYTES] [--pid-file FILE]\n"
    "  Connects every guest's console to a terminal (its path is in the store, console/tty) and to a log file.\n"
    "  --socket PATH     the store's socket (default /run/xenstored/socket)\n"
    "  --log-dir DIR     log files (default /var/log/ringfort/console)\n"
    "  --log-size BYTES  size at which a log is rotated (default 1048576)\n"
    "  --log-files N     rotated logs kept per guest (default 3)\n"
    "  --rate BYTES      output per second one guest may cause (default 262144)\n"
    "  --pid-file FILE   write the process id once ready\n";

struct Settings {
    rf::rpc::ConsoleOptions options;
    std::string pid_file;
};

bool set_number(std::size_t& target, const char* text)
{
    const auto value = rf::store::parse_number<std::uint64_t>(text);
    if (!value || *value == 0)
        return false;
    target = *value;
    return true;
}

std::optional<Settings> parse(int count, char** arguments)
{
    Settings settings;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string_view name = arguments[i];
        const char* value = arguments[i + 1];
        bool good = true;
        if (name == "--socket") {
            settings.options.socket_path = value;
        } else if (name == "--log-dir") {
            settings.options.log_directory = value;
        } else if (name == "--pid-file") {
            settings.pid_file = value;
        } else if (name == "--log-size") {
            good = set_number(settings.options.log_limits.file_bytes, value);
        } else if (name == "--log-files") {
            std::size_t files = 0;
            good = set_number(files, value);
            settings.options.log_limits.old_files = static_cast<unsigned>(files);
        } else if (name == "--rate") {
            good = set_number(settings.options.limits.rate, value);
            settings.options.limits.burst = 2 * settings.options.limits.rate;
        } else {
            good = false;
        }
        if (!good)
            return std::nullopt;
    }
    if (count % 2 == 0)
        return std::nullopt;
    return settings;
}

}  // namespace

int main(int count, char** arguments)
{
    const auto settings = parse(count, arguments);
    if (!settings) {
        std::fwrite(usage.data(), 1, usage.size(), stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    auto doors = rf::rpc::ConsoleDoors::open(rf::xen::Kernel::host());
    if (!doors) {
        rf::rpc::log(rf::rpc::Severity::error, "rf-consoled: " + doors.error().text());
        return 1;
    }
    boost::asio::io_context io(1);
    rf::rpc::ConsoleService service(io, settings->options, std::move(*doors));
    service.start();
    if (!settings->pid_file.empty())
        std::ofstream(settings->pid_file) << ::getpid() << '\n';
    rf::rpc::notify_ready();
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&io](const boost::system::error_code&, int) { io.stop(); });
    io.run();
    return 0;
}
