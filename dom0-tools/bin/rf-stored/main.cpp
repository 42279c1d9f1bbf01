// SPDX-License-Identifier: MIT
/// rf-stored: the XenStore of this machine. Stays in the foreground; may be killed at any time and started again.

#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/signalfd.h>

#include "rpc/log.hpp"
#include "rpc/notify_ready.hpp"
#include "rpc/store_service.hpp"

namespace {

constexpr std::string_view usage =
    "usage: rf-stored [--socket PATH] [--state DIR] [--pid-file FILE] [--quota NAME=VALUE]...\n"
    "  Serves the XenStore to this domain's kernel, to guests and to local tools.\n"
    "  --socket PATH     listen here (default /run/xenstored/socket)\n"
    "  --state DIR       keep the journal here (default /run/ringfort)\n"
    "  --pid-file FILE   write the process id once ready\n"
    "  --quota N=V       limit per guest: nodes, value-bytes, watches, transactions, transaction-requests, events, bytes\n";

struct Settings {
    rf::rpc::StoreOptions options;
    std::string state = "/run/ringfort";
    std::string pid_file;
};

bool set_quota(rf::store::Quota& quota, std::string_view text)
{
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        return false;
    const auto value = rf::store::parse_number<std::uint64_t>(text.substr(equals + 1));
    if (!value)
        return false;
    const std::pair<std::string_view, std::size_t rf::store::Quota::*> names[] = {
        {"nodes", &rf::store::Quota::nodes},
        {"value-bytes", &rf::store::Quota::value_bytes},
        {"watches", &rf::store::Quota::watches},
        {"transactions", &rf::store::Quota::transactions},
        {"transaction-requests", &rf::store::Quota::transaction_requests},
        {"events", &rf::store::Quota::events},
        {"bytes", &rf::store::Quota::bytes},
    };
    for (const auto& [name, member] : names) {
        if (name == text.substr(0, equals)) {
            quota.*member = *value;
            return true;
        }
    }
    return false;
}

std::optional<Settings> parse(int count, char** arguments)
{
    Settings settings;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string_view name = arguments[i];
        const char* value = arguments[i + 1];
        if (name == "--socket")
            settings.options.socket_path = value;
        else if (name == "--state")
            settings.state = value;
        else if (name == "--pid-file")
            settings.pid_file = value;
        else if (name != "--quota" || !set_quota(settings.options.quota, value))
            return std::nullopt;
    }
    if (count % 2 == 0)
        return std::nullopt;
    return settings;
}

constexpr std::chrono::milliseconds no_limit{-1};

/// Clients wait for the store, and its work for one of them is short: woken, it goes before them, and its answer is there before the
/// client has gone to sleep. Twice a usual process's share of a busy processor, no more, for guests make work here, too.
constexpr int niceness = -3;

/// SIGTERM and SIGINT as a descriptor.
rf::xen::Descriptor open_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return {rf::xen::Kernel::host(), ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)};
}

rf::xen::Result<void> serve(const Settings& settings)
{
    auto journal = rf::rpc::JournalFile::open(settings.state, rf::rpc::boot_identity());
    if (!journal)
        return std::unexpected(journal.error());
    auto& kernel = rf::xen::Kernel::host();
    auto doors = rf::rpc::StoreDoors::open(kernel);
    if (!doors)
        return std::unexpected(doors.error());
    auto own_ring = rf::xen::OwnStoreRing::open(kernel);
    if (!own_ring)
        return std::unexpected(own_ring.error());

    auto loop = rf::rpc::ReadyLoop::create();
    if (!loop)
        return std::unexpected(loop.error());
    bool asked_to_stop = false;
    const rf::xen::Descriptor signals = open_signals();
    if (auto watched = loop->watch(signals.number(), rf::rpc::ReadyLoop::Interest::read, [&] { asked_to_stop = true; }); !watched)
        return watched;
    rf::rpc::StoreService service(*loop, settings.options, std::move(*doors), std::move(*journal));
    if (auto started = service.start(std::move(*own_ring)); !started)
        return started;
    (void)::setpriority(PRIO_PROCESS, 0, niceness);  // only slower without
    if (!settings.pid_file.empty())
        std::ofstream(settings.pid_file) << ::getpid() << '\n';
    rf::rpc::notify_ready();
    while (!asked_to_stop)
        service.round(no_limit);
    return {};
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
    if (auto done = serve(*settings); !done) {
        rf::rpc::log(rf::rpc::Severity::error, "rf-stored: " + done.error().text());
        return 1;
    }
    return 0;
}
