// SPDX-License-Identifier: MIT
#include "block/grant_cache.hpp"

#include <algorithm>

namespace rf::block {

void GrantCache::require(std::span<const xen::GrantRef> refs)
{
    ++now_;
    std::vector<xen::GrantRef> missing;
    for (const xen::GrantRef ref : refs) {
        const auto place = places_.find(ref);
        if (place == places_.end()) {
            missing.push_back(ref);
            continue;
        }
        place->second.group->last_use = now_;
        groups_.splice(groups_.begin(), groups_, place->second.group);
    }
    if (missing.empty())
        return;
    std::ranges::sort(missing);
    missing.erase(std::ranges::unique(missing).begin(), missing.end());
    make_room(missing.size());
    if (auto all = mapper_->map(domain_, missing, xen::Access::read_write)) {
        add(std::move(*all), std::move(missing));
        return;
    }
    // One bad reference fails the whole map; the good ones must not suffer for it.
    for (const xen::GrantRef ref : missing)
        if (auto one = mapper_->map(domain_, ref, xen::Access::read_write))
            add(std::move(*one), {ref});
}

std::span<std::byte> GrantCache::page(xen::GrantRef ref) const
{
    const auto place = places_.find(ref);
    return place == places_.end() ? std::span<std::byte>() : place->second.group->mapping.page(place->second.index);
}

void GrantCache::clear()
{
    places_.clear();
    groups_.clear();
}

void GrantCache::make_room(std::size_t count)
{
    while (!groups_.empty() && places_.size() + count > limit_ && groups_.back().last_use != now_) {
        for (const xen::GrantRef ref : groups_.back().refs)
            places_.erase(ref);
        groups_.pop_back();
    }
}

void GrantCache::add(xen::GrantMapping mapping, std::vector<xen::GrantRef> refs)
{
    groups_.push_front({std::move(mapping), std::move(refs), now_});
    for (std::size_t i = 0; i < groups_.front().refs.size(); ++i)
        places_.emplace(groups_.front().refs[i], Place{groups_.begin(), i});
}

}  // namespace rf::block
