// SPDX-License-Identifier: MIT
#include "lifecycle/supervisor.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>

#include "config/domain_reader.hpp"
#include "lifecycle/backend_process.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/destroy.hpp"
#include "lifecycle/end_policy.hpp"
#include "rpc/log.hpp"
#include "xen/sched.h"

namespace rf::lifecycle {
namespace {

using rpc::Severity;
using rpc::log;

constexpr unsigned most_renames = 1000;

std::string label(const DomainRecord& record)
{
    return "domain " + std::to_string(record.id.value) + " '" + record.name + "'";
}

Result<config::DomainSpec> spec_of(const DomainRecord& record)
{
    auto definition = config::read_domain(record.definition, {record.definition_file, config::Unknown::warn, record.uuid});
    if (!definition)
        return fail(Kind::invalid, "the definition kept for " + label(record) + " cannot be read: " + definition.error().text());
    return std::move(definition->spec);
}

/// Enters what the hypervisor says of the domain.
void see(Supervisor::Sight& sight, const ::xen::xen_domctl_getdomaininfo& info, const DomainRecord& record)
{
    const DomainView view{record.id, {}, info};
    sight.same_uuid = view.uuid() == record.uuid;
    sight.dying = view.is_dying();
    sight.shut_down = view.is_shut_down() && view.shutdown_reason() != ::xen::SHUTDOWN_suspend;
}

}  // namespace

bool exclude_each_other(const Task& one, const Task& other)
{
    const auto restarts = [](const Task& task) { return task.kind == Task::Kind::restart; };
    if (restarts(one) || restarts(other))
        return one.uuid == other.uuid;
    return one.domain == other.domain;
}

std::optional<Task> Supervisor::judge(const Sight& sight)
{
    const xen::DomainId id = sight.record.id;
    if (sight.locked)
        return std::nullopt;  // whoever holds the lock sees to it
    if (!sight.exists)
        return Task{Task::Kind::remove_traces, id, {}};
    if (!sight.same_uuid)
        return Task{Task::Kind::forget, id, {}};
    if (sight.dying || sight.record.stage == Stage::building || sight.record.stage == Stage::ending)
        return Task{Task::Kind::finish_destroy, id, {}};
    if (sight.shut_down)
        return sight.record.stage == Stage::running ? std::optional(Task{Task::Kind::handle_end, id, sight.record.uuid}) : std::nullopt;
    if (sight.wants_backend && !sight.has_backend)
        return Task{Task::Kind::start_backend, id, {}};
    return std::nullopt;
}

bool Supervisor::restart_is_over(const Sight& sight)
{
    return sight.exists && sight.same_uuid && !sight.dying && !sight.shut_down && !sight.locked && sight.record.stage == Stage::running;
}

/// Whether there is nothing to do about the domain, whoever works on it: the usual case, found without asking for its lock.
bool Supervisor::is_settled(const Sight& seen, const DomainRecord& record) const
{
    return seen.exists && seen.same_uuid && !seen.dying && !seen.shut_down && record.stage == Stage::running &&
           (!record.wants_backend || BackendProcess(state_, record.id).is_running());
}

/// Numbers, rising, of domains that came, went, became another, or began to end.
std::vector<xen::DomainId> Supervisor::changed_since(const std::vector<Info>& domains) const
{
    constexpr std::uint32_t ending = ::xen::XEN_DOMINF_dying | ::xen::XEN_DOMINF_shutdown;
    const auto is_same = [](const Info& now, const Info& then) {
        return (now.flags & ending) == (then.flags & ending) && std::ranges::equal(now.handle, then.handle);
    };
    std::vector<xen::DomainId> changed;
    auto then = seen_.begin();
    for (const Info& now : domains) {
        for (; then != seen_.end() && then->domain < now.domain; ++then)
            changed.push_back(DomainId(then->domain));
        const bool was_there = then != seen_.end() && then->domain == now.domain;
        if (!was_there || !is_same(now, *then))
            changed.push_back(DomainId(now.domain));
        then += was_there;
    }
    for (; then != seen_.end(); ++then)
        changed.push_back(DomainId(then->domain));
    return changed;
}

/// What is to be done about a domain number; `info` is what the hypervisor says of it, or nothing.
std::optional<Task> Supervisor::judge_now(xen::DomainId id, const Info* info)
{
    unsettled_.erase(id);
    const DomainRecord* const record = records_.find(state_, id);
    if (!record)
        return std::nullopt;
    Sight sight;
    sight.exists = info != nullptr;
    if (sight.exists)
        see(sight, *info, *record);
    if (is_settled(sight, *record))
        return std::nullopt;
    unsettled_.insert(id);
    sight.locked = state_.is_locked(id);
    sight.wants_backend = record->wants_backend;
    sight.has_backend = sight.wants_backend && BackendProcess(state_, id).is_running();
    sight.record = *record;
    // A builder waits for its backend with the lock held; that process is wanted all the same.
    if (sight.locked && sight.exists && sight.same_uuid && !sight.dying && sight.record.stage == Stage::building && sight.wants_backend &&
        !sight.has_backend)
        return Task{Task::Kind::start_backend, id, {}};
    return judge(sight);
}

void Supervisor::look_at_restarts(const std::vector<Info>& domains, std::vector<Task>& tasks)
{
    for (const DomainRecord& restart : state_.restarts()) {
        const auto same = std::ranges::find_if(domains, [&](const Info& info) { return std::ranges::equal(info.handle, restart.uuid); });
        if (same == domains.end()) {
            tasks.push_back({Task::Kind::restart, {}, restart.uuid});
            continue;
        }
        const DomainId id(same->domain);
        Sight sight;
        sight.exists = true;
        sight.locked = state_.is_locked(id);
        if (const DomainRecord* const record = records_.find(state_, id)) {
            sight.record = *record;
            see(sight, *same, *record);
            if (restart_is_over(sight))
                state_.remove_restart(restart.uuid);
        }
    }
}

Result<std::vector<Task>> Supervisor::look(Session& session, Extent extent)
{
    std::vector<Info> domains = BUILD_TRY(session.system().domains());
    std::vector<xen::DomainId> ids;
    if (extent == Extent::all) {
        ids = state_.list();
        records_.keep_only(ids);
        unsettled_.clear();
    } else {
        std::ranges::set_union(changed_since(domains), unsettled_, std::back_inserter(ids));
    }
    std::vector<Task> tasks;
    for (const xen::DomainId id : ids) {
        const auto info = std::ranges::lower_bound(domains, id.value, {}, &Info::domain);
        if (const auto task = judge_now(id, info != domains.end() && info->domain == id.value ? &*info : nullptr))
            tasks.push_back(*task);
    }
    if (extent == Extent::all)
        for (const xen::DomainId id : state_.remains(ids))
            if (!state_.is_locked(id))
                tasks.push_back({Task::Kind::remove_traces, id, {}});
    look_at_restarts(domains, tasks);
    seen_ = std::move(domains);
    return tasks;
}

Result<void> Supervisor::carry_out(Session& session, const Task& task) const
{
    if (task.kind == Task::Kind::start_backend) {
        const pid_t process = BUILD_TRY(BackendProcess(state_, task.domain).start(backend_program_));
        if (process)
            log(Severity::info, "domain " + std::to_string(task.domain.value) + ": backend process " + std::to_string(process));
        return {};
    }
    if (task.kind == Task::Kind::restart) {
        for (const DomainRecord& record : state_.restarts())
            if (record.uuid == task.uuid)
                return restart(session, record);
        return {};
    }
    if (task.kind == Task::Kind::handle_end)
        return handle_end(session, task.domain);

    auto lock = state_.lock(task.domain, StateDirectory::Waiting::no);
    if (!lock)
        return {};  // somebody else has taken it up
    // What led to the task was seen in several glances and without the lock; a builder may have finished in between.
    const auto now = BUILD_TRY(sight_of(session, task.domain));
    if (!now)
        state_.remove(task.domain);  // gone meanwhile: the lock's file is ours
    const auto still = now ? judge(*now) : std::nullopt;
    if (!still || still->kind != task.kind)
        return {};
    switch (task.kind) {
    case Task::Kind::finish_destroy: return destroy_domain(session, state_, task.domain);
    case Task::Kind::remove_traces: return remove_traces(session, state_, task.domain);
    case Task::Kind::forget: state_.remove(task.domain); return {};
    default: return {};
    }
}

/// A domain with a record as it is now; its lock is held by the caller.
Result<std::optional<Supervisor::Sight>> Supervisor::sight_of(Session& session, xen::DomainId id) const
{
    auto record = state_.load(id);
    if (!record)
        return std::nullopt;
    Sight sight;
    const auto info = session.control().info(id);
    if (!info && info.error().code != ESRCH)
        return fail(info.error());
    sight.exists = info.has_value();
    if (sight.exists)
        see(sight, *info, *record);
    sight.record = std::move(*record);
    return sight;
}

Result<void> Supervisor::handle_end(Session& session, xen::DomainId id) const
{
    auto lock = state_.lock(id, StateDirectory::Waiting::no);
    if (!lock)
        return {};
    auto record = state_.load(id);
    if (!record)
        state_.remove(id);  // gone meanwhile: the lock's file is ours
    const auto view = view_of(session, id);
    if (!record || record->stage != Stage::running || !view || !view->is_shut_down() || view->uuid() != record->uuid)
        return {};
    const auto spec = BUILD_TRY(spec_of(*record));
    const EndDecision decision = decide_end(spec, view->shutdown_reason(), std::time(nullptr) - record->created, record->quick_ends);
    log(Severity::notice, label(*record) + " has ended: " + std::string(shutdown_reason_text(view->shutdown_reason())));
    if (decision.restarts_exceeded)
        log(Severity::error, label(*record) + " ended " + std::to_string(decision.quick_ends) + " times in a row within " +
                                 std::to_string(quick_end_seconds) + " seconds of its start: not restarted again");
    record->quick_ends = decision.quick_ends;
    switch (decision.next) {
    case Next::leave: return {};
    case Next::keep: record->stage = Stage::kept; return state_.save(*record);
    case Next::destroy: return destroy_domain(session, state_, id);
    case Next::restart: {
        BUILD_CHECK(state_.save_restart(*record));
        BUILD_CHECK(destroy_domain(session, state_, id));
        { const FileLock released = std::move(*lock); }  // the number may be used again at once
        return restart(session, *record);
    }
    case Next::rename_restart: {
        BUILD_CHECK(state_.save_restart(*record));
        BUILD_CHECK(set_aside(session, *record));
        return restart(session, *record);
    }
    }
    return {};
}

/// Creates the domain anew. The restart is forgotten when it has been tried, unless it failed because a daemon died meanwhile.
Result<void> Supervisor::restart(Session& session, DomainRecord record) const
{
    const auto spec = spec_of(record);
    Result<Created> created = spec ? create_domain(session, state_, {*spec, record.definition_file, Start::running, record.quick_ends})
                                   : Result<Created>(std::unexpected(spec.error()));
    if (!created && restart_keeps(created.error().kind, ++record.quick_ends)) {
        BUILD_CHECK(state_.save_restart(record));
        return fail(created.error().kind, "'" + record.name + "' could not be started again: " + created.error().what + "; trying again");
    }
    state_.remove_restart(record.uuid);
    if (!created)
        return fail(created.error().kind, "'" + record.name + "' could not be started again: " + created.error().what);
    created->kernel.keep(builder::KernelCache());
    log(Severity::notice, "'" + record.name + "' runs again as domain " + std::to_string(created->id.value));
    return {};
}

/// Gives an ended domain another name and identifier, so that its successor can have its own.
Result<void> Supervisor::set_aside(Session& session, DomainRecord record) const
{
    const FileLock names = BUILD_TRY(state_.lock_names());
    const auto domains = BUILD_TRY(list_domains(session));
    const std::string base = record.name.substr(0, 58);
    for (unsigned number = 1; number < most_renames; ++number) {
        record.name = base + "-" + std::to_string(number);
        if (std::ranges::none_of(domains, [&](const DomainView& view) { return view.name == record.name; }))
            break;
    }
    const std::string old_vm = "/vm/" + config::to_text(record.uuid);
    record.uuid = config::random_uuid();
    const std::string new_vm = "/vm/" + config::to_text(record.uuid);
    record.stage = Stage::kept;
    const std::string home = domain_path(record.id);
    const std::pair<std::string, std::string> nodes[] = {{new_vm + "/name", record.name}, {home + "/vm", new_vm}, {home + "/name", record.name}};
    BUILD_CHECK(session.store.transact([&](auto transaction) -> xen::Result<void> {
        for (const auto& [path, value] : nodes)
            if (auto written = session.store.write(path, value, transaction); !written)
                return written;
        return {};
    }));
    // A domain is found by its identifier, so it and the record change together: the store may die at any of its requests.
    BUILD_CHECK(session.control().set_handle(record.id, record.uuid));
    BUILD_CHECK(state_.save(record));
    BUILD_CHECK(session.store.remove(old_vm));
    return {};
}

}  // namespace rf::lifecycle
