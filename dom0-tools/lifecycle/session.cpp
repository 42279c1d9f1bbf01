// SPDX-License-Identifier: MIT
#include "lifecycle/session.hpp"

#include <algorithm>
#include <poll.h>
#include <thread>

namespace rf::lifecycle {
namespace {

constexpr auto connect_pause = std::chrono::milliseconds(50);

}  // namespace

Result<xen::Privcmd> open_hypervisor()
{
    auto privcmd = xen::Privcmd::open();
    if (privcmd)
        return std::move(*privcmd);
    const Kind kind = privcmd.error().code == EACCES || privcmd.error().code == EPERM ? Kind::not_permitted : Kind::unreachable;
    return fail(kind, privcmd.error().text());
}

Result<Session> Session::open()
{
    auto privcmd = BUILD_TRY(open_hypervisor());
    auto store = rpc::StoreClient::connect();
    if (!store)
        return fail(store.error().code == EACCES ? Kind::not_permitted : Kind::unreachable, store.error().text());
    return Session{std::move(privcmd), std::move(*store)};
}

Result<bool> Session::wait_for_store(std::chrono::steady_clock::time_point deadline)
{
    for (;;) {
        if (BUILD_TRY(store.next_event()))
            return true;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        if (left <= 0)
            return false;
        pollfd entry{store.descriptor(), POLLIN, 0};
        (void)::poll(&entry, 1, static_cast<int>(std::min<long long>(left, 60000)));  // an early return only means another turn
    }
}

bool Session::regain_store(std::chrono::steady_clock::time_point deadline)
{
    while (!store.read_if_exists("/local")) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        if (auto another = rpc::StoreClient::connect())
            store = std::move(*another);
        else
            std::this_thread::sleep_for(connect_pause);
    }
    return true;
}

}  // namespace rf::lifecycle
