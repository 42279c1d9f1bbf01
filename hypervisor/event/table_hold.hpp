// SPDX-License-Identifier: MIT
#pragma once
/// A counted hold on another domain's event table.

#include "event/table.hpp"

#include <utility>

namespace rf::event {

/// Keeps a table valid while it is used: close_all() does not finish before the last hold is gone. Move-only.
class TableHold {
public:
    /// The caller makes sure that the table cannot vanish during this call: it has the registry's lock, or the lock of a
    /// table with a channel that leads there.
    explicit TableHold(EventTable& table) : table_(&table) { table.holds_.fetch_add(1, relaxed); }
    TableHold(TableHold&& other) noexcept : table_(std::exchange(other.table_, nullptr)) {}
    TableHold& operator=(TableHold&& other) noexcept
    {
        std::swap(table_, other.table_);
        return *this;
    }
    ~TableHold()
    {
        if (table_)
            table_->holds_.fetch_sub(1, release);
    }
    [[nodiscard]] EventTable& operator*() const { return *table_; }
    [[nodiscard]] EventTable* operator->() const { return table_; }

private:
    EventTable* table_;
};

} // namespace rf::event
