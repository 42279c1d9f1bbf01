// SPDX-License-Identifier: MIT
#include "hypercall/control_settings.hpp"

#include "domain/domain.hpp"
#include "mm/id_table.hpp"

namespace rf::hypercall {
namespace {

/// One record per domain that has settings. `creation` tells a domain from an earlier one with the same id.
struct Record {
    std::uint32_t creation = 0;
    Settings settings;
};

/// Guards the table and the records.
constinit Spinlock lock{LockRank::domain_table};
constinit mm::IdTable<Record> records;

} // namespace

Settings settings_of(domain::Domain const& domain)
{
    LockGuard guard(lock);
    Record const* record = records.find(domain.id());
    return record && record->creation == domain.creation_number ? record->settings : Settings{};
}

Status store_settings(domain::Domain const& domain, Settings const& settings)
{
    auto fresh = TRY(mm::Box<Record>::make());
    *fresh = {domain.creation_number, settings};
    mm::Box<Record> old;
    LockGuard guard(lock);
    Record* const existing = records.find(domain.id());
    TRY(records.set(domain.id(), fresh.get()));
    (void)fresh.release(); // the table owns it
    guard.unlock();
    old = mm::Box<Record>::adopt(existing);
    return {};
}

void forget_settings(domain::Domain const& domain)
{
    mm::Box<Record> old;
    LockGuard guard(lock);
    if (Record* record = records.find(domain.id()); record && record->creation == domain.creation_number) {
        records.clear(domain.id());
        old = mm::Box<Record>::adopt(record);
    }
}

} // namespace rf::hypercall
