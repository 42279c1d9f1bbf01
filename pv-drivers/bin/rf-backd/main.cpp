// SPDX-License-Identifier: MIT
/// rf-backd: the backends of one domain's disks and network cards. Two processes: this one keeps its privileges, opens what
/// the other asks for and waits for its end; the other is confined and serves the guest. Stays in the foreground; may be
/// killed at any time and started again.

#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "bin/rf-backd/confinement.hpp"
#include "bin/rf-backd/supervisor.hpp"
#include "bin/rf-backd/service.hpp"
#include "rpc/log.hpp"

namespace {

using namespace rf::backd;
namespace xen = rf::xen;

constexpr const char* usage =
    "usage: rf-backd --domain N\n"
    "  Serves the disks (backend/qdisk/N) and network cards (backend/rfnet/N) of domain N until they are closed.\n"
    "  The serving process writes its id to /run/ringfort/backd/N.pid.\n";

/// Pages between guest and disk: four of the largest requests, and small ones beside them.
constexpr std::uint32_t buffer_pages = rf::block::BufferPool::small_area + 4 * rf::block::BufferPool::large_area;
/// Packets of one turn: half a MiB.
constexpr std::size_t arena_bytes = 512 * 1024;

/// Guests wait for this process as they do for a kernel's backend, whose work goes before all processes. As the store's: a busy
/// guest's backend gets twice the share of a tool, and no more than that.
constexpr int niceness = -3;

xen::Result<xen::Mapping> make_arena()
{
    void* address = nullptr;
    xen::Kernel& kernel = xen::Kernel::host();
    const long result = kernel.map(address, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (result < 0)
        return xen::failure(result, "cannot reserve memory for packets");
    return xen::Mapping(kernel, address, arena_bytes);
}

int open_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

xen::Result<Resources> open_resources(int opener)
{
    auto store = StoreConnection::open(store_socket);
    if (!store)
        return std::unexpected(store.error());
    auto events = xen::EventChannels::open();
    if (!events)
        return std::unexpected(events.error());
    auto grants = xen::GrantMapper::open();
    if (!grants)
        return std::unexpected(grants.error());
    auto buffers = rf::block::BufferPool::create(buffer_pages);
    if (!buffers)
        return std::unexpected(buffers.error());
    auto arena = make_arena();
    if (!arena)
        return std::unexpected(arena.error());
    return Resources{std::move(*store),  std::move(*events), std::move(*grants),
                     std::move(*buffers), std::move(*arena),  open_signals(), OpenerClient(opener)};
}

/// The confined half, from its first instruction to its exit status.
int serve(std::uint16_t domain, pid_t parent, int opener)
{
    (void)::setpriority(PRIO_PROCESS, 0, niceness);  // only slower without
    Reactor reactor;
    auto resources = open_resources(opener);
    if (!resources) {
        rf::rpc::log(rf::rpc::Severity::error, "rf-backd: " + resources.error().text());
        // A store that is being restarted refuses connections for a while.
        return resources.error().code == ENOENT || resources.error().code == ECONNREFUSED ? exit_store_lost : exit_failure;
    }
    auto ready = reactor.open();
    if (ready) {
        for (const auto area : resources->buffers.areas())
            reactor.offer(area);
        reactor.offer(resources->arena.bytes());
        ready = reactor.restrict();
    }
    if (ready)
        ready = confine(domain, parent, resources->events.descriptor());
    if (!ready) {
        rf::rpc::log(rf::rpc::Severity::error, "rf-backd: " + ready.error().text());
        return exit_failure;
    }
    Service service(domain, std::move(*resources), reactor);
    return service.run();
}

std::optional<std::uint16_t> parse(int count, char** arguments)
{
    if (count != 3 || std::strcmp(arguments[1], "--domain") != 0)
        return std::nullopt;
    const auto number = rf::xenbus::parse_number(arguments[2], xen::first_reserved_domid - 1);
    if (!number || *number == 0)
        return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

}  // namespace

int main(int count, char** arguments)
{
    const auto domain = parse(count, arguments);
    if (!domain) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    auto supervisor = Supervisor::create(*domain);
    if (!supervisor) {
        rf::rpc::log(rf::rpc::Severity::error, "rf-backd: " + supervisor.error().text());
        return 1;
    }
    return supervisor->run(serve);
}
