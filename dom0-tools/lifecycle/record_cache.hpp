// SPDX-License-Identifier: MIT
#pragma once
/// Records as rfd has read them: a file is read again only when it was replaced. Looking at many domains that have not changed
/// then costs one stat() each. Used by one thread.

#include <cstdint>
#include <map>
#include <span>

#include "lifecycle/state_directory.hpp"

namespace rf::lifecycle {

class RecordCache {
public:
    /// The domain's record as it is now; nullptr when there is none, or none that can be read. Valid until the next call.
    [[nodiscard]] const DomainRecord* find(const StateDirectory& state, xen::DomainId id);
    /// Forgets all others. `ids` rises.
    void keep_only(std::span<const xen::DomainId> ids);

private:
    struct Entry {
        RecordVersion version;
        DomainRecord record;
    };
    std::map<xen::DomainId, Entry> entries_;
};

}  // namespace rf::lifecycle
