// SPDX-License-Identifier: MIT
#include "lifecycle/record_cache.hpp"

#include <algorithm>

namespace rf::lifecycle {

const DomainRecord* RecordCache::find(const StateDirectory& state, xen::DomainId id)
{
    // The version first: a file that is replaced between the two is read again next time.
    const auto version = state.version(id);
    const auto known = entries_.find(id);
    if (version && known != entries_.end() && known->second.version == *version)
        return &known->second.record;
    auto record = version ? state.load(id) : std::nullopt;
    if (!record) {
        entries_.erase(id);
        return nullptr;
    }
    return &entries_.insert_or_assign(id, Entry{*version, std::move(*record)}).first->second.record;
}

void RecordCache::keep_only(std::span<const xen::DomainId> ids)
{
    std::erase_if(entries_, [ids](const auto& entry) { return !std::ranges::binary_search(ids, entry.first); });
}

}  // namespace rf::lifecycle
