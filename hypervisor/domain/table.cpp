// SPDX-License-Identifier: MIT
#include "domain/table.hpp"

#include "domain/teardown.hpp"
#include "event/registry.hpp"
#include "mm/id_table.hpp"
#include "xen/event.h"

namespace rf::domain {
namespace {

constinit Spinlock table_lock{LockRank::domain_table};
constinit mm::IdTable<Domain> domains;
/// One past the highest id ever entered; bounds searches.
constinit std::uint16_t id_limit = 0;
/// Where the search for an unused id starts, so that ids are not reused at once.
constinit std::uint16_t next_id = 1;
constinit std::uint32_t creations = 0;
using Hook = void (*)();
constinit Hook after_reap = nullptr;
/// Domains that are dead and not gone yet. Whoever drops the last use of a domain asks this: the domain itself may be gone then.
constinit Atomic<unsigned> dead_domains{0};

[[nodiscard]] bool is_gone(Domain& domain)
{
    return domain.life.load(acquire) == LifeState::dead && domain.references.load() == 1 &&
           domain.memory.empty();
}

} // namespace

void DomainRef::release()
{
    // From here on reap() may free the domain. It either sees our drop, or we see that it has work to do again: both sides
    // write before they look, in one order for all.
    bool const was_last_user = domain_->references.fetch_sub(1) == 2;
    if (was_last_user && dead_domains.load() != 0)
        cpu::raise(cpu::Work::deferred);
}

void mark_dead(Domain& domain)
{
    dead_domains.fetch_add(1);
    domain.life.store(LifeState::dead, release);
    cpu::raise(cpu::Work::deferred);
}

Result<DomainRef> find(DomainId id)
{
    LockGuard guard(table_lock);
    Domain* domain = domains.find(id);
    if (!domain)
        return fail(Errno::esrch);
    domain->references.fetch_add(1, acq_rel);
    return DomainRef{domain};
}

Result<DomainRef> find_target(Domain& caller, DomainId id)
{
    if (id == domid_self || id == caller.id()) {
        caller.references.fetch_add(1, acq_rel);
        return DomainRef{&caller};
    }
    if (!caller.is_control())
        return fail(Errno::eperm);
    return find(id);
}

Result<DomainRef> find_from(DomainId id)
{
    LockGuard guard(table_lock);
    for (std::uint16_t candidate = id.value; candidate < id_limit; ++candidate) {
        if (Domain* domain = domains.find(DomainId{candidate})) {
            domain->references.fetch_add(1, acq_rel);
            return DomainRef{domain};
        }
    }
    return fail(Errno::esrch);
}

Status enter(mm::Box<Domain> domain)
{
    LockGuard guard(table_lock);
    DomainId const id = domain->id();
    if (domains.find(id))
        return fail(Errno::eexist);
    domain->creation_number = ++creations;
    TRY(domains.set(id, domain.get()));
    (void)domain.release(); // the table owns it from now on
    id_limit = std::max<std::uint16_t>(id_limit, static_cast<std::uint16_t>(id.value + 1));
    return {};
}

Result<DomainId> unused_id()
{
    LockGuard guard(table_lock);
    for (unsigned tried = 0; tried < domid_first_reserved.value; ++tried) {
        std::uint16_t const id = next_id;
        next_id = static_cast<std::uint16_t>(id + 1 == domid_first_reserved.value ? 1 : id + 1);
        if (!domains.find(DomainId{id}))
            return DomainId{id};
    }
    return fail(Errno::enospc);
}

Domain* control_domain() { return domains.find(domain_zero); }

void set_after_reap(void (*hook)()) { after_reap = hook; }

void reap()
{
    bool removed = false;
    while (true) {
        mm::Box<Domain> gone;
        {
            LockGuard guard(table_lock);
            for (std::uint16_t id = 0; id < id_limit && !gone; ++id) {
                Domain* domain = domains.find(DomainId{id});
                if (domain && is_gone(*domain)) {
                    domains.clear(DomainId{id});
                    dead_domains.fetch_sub(1);
                    gone = mm::Box<Domain>::adopt(domain);
                }
            }
        }
        if (!gone)
            break;
        removed = true;
        gone = {};
        event::registry.raise_global(xen::VIRQ_DOM_EXC);
    }
    if (removed && after_reap)
        after_reap();
}

} // namespace rf::domain
