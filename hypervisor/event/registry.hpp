// SPDX-License-Identifier: MIT
#pragma once
/// All event tables by domain, so that one domain's hypercall can reach another's table without knowing Domain.

#include "event/table.hpp"
#include "event/table_hold.hpp"
#include "mm/id_table.hpp"

namespace rf::event {

class Registry {
public:
    constexpr Registry() = default;
    /// Errno::eexist, Errno::enomem.
    [[nodiscard]] Status add(EventTable& table);
    void remove(EventTable& table);
    /// The table of a living domain. Errno::esrch.
    [[nodiscard]] Result<TableHold> find(DomainId id);
    /// Raises a global virtual interrupt in the control domain; without effect when there is none or it is not bound.
    void raise_global(std::uint32_t virq);

private:
    Spinlock lock_{LockRank::event_table}; ///< never held together with a table's lock
    mm::IdTable<EventTable> tables_;
};

extern Registry registry;

} // namespace rf::event
