// SPDX-License-Identifier: MIT
#include "store/quota.hpp"

namespace rf::store {

Usage Ledger::of(DomainKey domain) const
{
    Usage usage = base_ ? base_->of(domain) : Usage{};
    if (const auto found = own_.find(domain); found != own_.end())
        usage += found->second;
    return usage;
}

void Ledger::add(DomainKey domain, Usage difference)
{
    Usage& usage = own_[domain];
    usage += difference;
    // Domain 0's comes and goes with every reply; it stays.
    if (usage == Usage{} && domain.id != 0)
        own_.erase(domain);
}

void Ledger::merge(const Ledger& differences)
{
    for (const auto& [domain, usage] : differences.own_)
        add(domain, usage);
}

}  // namespace rf::store
