// SPDX-License-Identifier: MIT
#include "lifecycle/destroy.hpp"

#include <thread>

#include "lifecycle/backend_process.hpp"
#include "lifecycle/devices.hpp"
#include "lifecycle/domain_list.hpp"

namespace rf::lifecycle {
namespace {

constexpr auto store_patience = std::chrono::seconds(5);
constexpr auto closing_patience = std::chrono::seconds(10);
constexpr auto process_patience = std::chrono::seconds(10);
constexpr auto memory_patience = std::chrono::seconds(10);
constexpr auto death_poll = std::chrono::milliseconds(5);

/// Waits until the hypervisor has forgotten the domain: its last pages are free.
Result<void> wait_until_gone(Session& session, DomainId id)
{
    const auto deadline = Clock::now() + memory_patience;
    for (;;) {
        const auto info = session.control().info(id);
        if (!info && info.error().code == ESRCH)
            return {};
        if (!info)
            return fail(info.error());
        if (Clock::now() >= deadline)
            return fail(Kind::timeout, "domain " + std::to_string(id.value) + " is destroyed, but " + std::to_string(info->tot_pages) +
                                           " of its pages are still mapped by others (a backend, a console daemon or the store that does not "
                                           "let go); they are freed when those end");
        std::this_thread::sleep_for(death_poll);
    }
}

}  // namespace

Result<void> remove_traces(Session& session, const StateDirectory& state, DomainId id)
{
    auto stuck = remove_devices(session, id, Clock::now() + closing_patience);
    // The store may have died, and be the very reason for this removal; without it nobody tells the backend to end.
    if (!stuck && session.regain_store(Clock::now() + store_patience))
        stuck = remove_devices(session, id, Clock::now() + closing_patience);
    BackendProcess(state, id).stop(Clock::now() + process_patience);
    const std::string home = domain_path(id);
    const auto vm = BUILD_TRY(session.store.read_if_exists(home + "/vm"));
    // Not introduced, or already forgotten: both are what we want.
    (void)session.store.release(id.value);
    if (vm && vm->starts_with("/vm/") && vm->size() > 4)
        BUILD_CHECK(remove_with_empty_parents(session, *vm, "/vm"));
    BUILD_CHECK(session.store.remove(home));
    state.remove(id);
    if (!stuck)
        return std::unexpected(stuck.error());
    if (!stuck->empty())
        return fail(Kind::timeout, "backend " + stuck->front() + " did not close; its device was removed all the same");
    return {};
}

Result<void> destroy_domain(Session& session, const StateDirectory& state, DomainId id)
{
    const auto ended = session.control().destroy(id);
    if (!ended && ended.error().code != ESRCH)
        return fail(ended.error());
    const auto removed = remove_traces(session, state, id);
    BUILD_CHECK(wait_until_gone(session, id));
    return removed;
}

Result<void> destroy_by_order(Session& session, const StateDirectory& state, DomainId id)
{
    if (id == xen::dom0)
        return fail(Kind::conflict, "Domain-0 cannot be destroyed: shut the machine down instead");
    const FileLock lock = BUILD_TRY(state.lock(id, StateDirectory::Waiting::yes));
    if (auto record = state.load(id)) {
        record->stage = Stage::ending;
        BUILD_CHECK(state.save(*record));
        // Whoever started it last may have died before this was forgotten; it must not come back.
        state.remove_restart(record->uuid);
    }
    return destroy_domain(session, state, id);
}

}  // namespace rf::lifecycle
