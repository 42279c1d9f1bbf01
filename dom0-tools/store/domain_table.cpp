// SPDX-License-Identifier: MIT
#include "store/domain_table.hpp"

#include <algorithm>

namespace rf::store {

DomainKey DomainTable::key(std::uint16_t id) const
{
    const auto found = incarnations_.find(id);
    return {id, found == incarnations_.end() ? 0 : found->second};
}

ServedDomain* DomainTable::find(std::uint16_t id)
{
    const auto found = served_.find(id);
    return found == served_.end() ? nullptr : &found->second;
}

ServedDomain& DomainTable::add(std::uint16_t id, const ServedDomain& domain)
{
    note(id, Evidence::alive);
    return served_[id] = domain;
}

void DomainTable::note(std::uint16_t id, Evidence evidence)
{
    if (id == 0)
        return;
    Evidence& known = noted_.try_emplace(id, evidence).first->second;
    known = std::max(known, evidence);
}

std::vector<std::uint16_t> DomainTable::missing(std::span<const DomainStatus> existing) const
{
    std::vector<std::uint16_t> gone;
    auto next = existing.begin();
    for (const auto& [id, evidence] : noted_) {
        while (next != existing.end() && next->id < id)
            ++next;
        if (next == existing.end() || next->id != id)
            gone.push_back(id);
    }
    return gone;
}

DomainTable::Evidence DomainTable::retire(std::uint16_t id)
{
    const auto found = noted_.find(id);
    const Evidence evidence = found == noted_.end() ? Evidence::named : found->second;
    noted_.erase(id);
    ++incarnations_[id];
    return evidence;
}

}  // namespace rf::store
