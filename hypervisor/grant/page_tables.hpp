// SPDX-License-Identifier: MIT
#pragma once
/// What this room needs of the mapping domain's page tables; the hypercall layer implements it over
/// pvmmu/grant_places.hpp, tests by a recorder.

#include "pvmmu/grant_mapping.hpp"

namespace rf::grant {

class PageTables {
public:
    /// Between these two nobody else changes the mapper's entries; install and remove are called in between only. The locks
    /// of a granter's table and of the handles may be held.
    virtual void open() = 0;
    virtual void close() = 0;
    /// Puts `entry` at `place`. The counts of one mapping of its frame go over to the entry. False: no entry of the mapper
    /// there.
    [[nodiscard]] virtual bool install(pvmmu::GrantPlace place, pvmmu::Entry entry) = 0;
    /// Takes a grant entry out. Its counts go over to the caller, who gives them back when flush() is over. False: the entry
    /// holds something else.
    [[nodiscard]] virtual bool remove(pvmmu::GrantPlace place, Mfn frame, bool writable) = 0;
    /// When it returns, no CPU uses an entry any more that was taken out before.
    virtual void flush() = 0;

protected:
    ~PageTables() = default;
};

/// The mapper's page tables, open for a scope.
class [[nodiscard]] OpenTables {
public:
    explicit OpenTables(PageTables& tables) : tables_(tables) { tables_.open(); }
    ~OpenTables() { tables_.close(); }
    OpenTables(OpenTables const&) = delete;
    OpenTables& operator=(OpenTables const&) = delete;

private:
    PageTables& tables_;
};

} // namespace rf::grant
