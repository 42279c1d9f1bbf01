// SPDX-License-Identifier: MIT
#include "event/registry.hpp"

namespace rf::event {

constinit Registry registry;

Status Registry::add(EventTable& table)
{
    LockGuard guard(lock_);
    if (tables_.find(table.owner()))
        return fail(Errno::eexist);
    return tables_.set(table.owner(), &table);
}

void Registry::remove(EventTable& table)
{
    LockGuard guard(lock_);
    if (tables_.find(table.owner()) == &table)
        tables_.clear(table.owner());
}

Result<TableHold> Registry::find(DomainId id)
{
    LockGuard guard(lock_);
    EventTable* table = tables_.find(id);
    if (!table)
        return fail(Errno::esrch);
    return TableHold(*table);
}

void Registry::raise_global(std::uint32_t virq)
{
    if (auto control = find(domain_zero))
        (*control)->raise_global_virq(virq);
}

} // namespace rf::event
