// SPDX-License-Identifier: MIT
#pragma once
/// Who may do what to a node. A permission list's first entry names the owner, who may do everything, and the access of
/// every domain not listed; the others name single domains. Entries carry the incarnation of the domain number, so that a
/// later domain which reuses the number matches none of them. Lists are immutable and shared between nodes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/error.hpp"

namespace rf::store {

/// One life of a domain number.
struct DomainKey {
    std::uint16_t id = 0;
    std::uint32_t incarnation = 0;  ///< how many domains have had this number before

    friend auto operator<=>(DomainKey, DomainKey) = default;
};

/// Rights, as bits. The wire letters are n (none), r, w, b (both).
enum class Access : std::uint8_t { none = 0, read = 1, write = 2, both = 3 };

[[nodiscard]] constexpr bool includes(Access have, Access need)
{
    return (static_cast<unsigned>(have) & static_cast<unsigned>(need)) == static_cast<unsigned>(need);
}

struct Permission {
    DomainKey domain;
    Access access = Access::none;

    friend bool operator==(const Permission&, const Permission&) = default;
};

using PermissionList = std::vector<Permission>;               ///< never empty
using Permissions = std::shared_ptr<const PermissionList>;    ///< never null

/// In whose name a request is made.
struct Caller {
    DomainKey domain;
    std::optional<DomainKey> target;  ///< a domain this one may act for (SET_TARGET)

    /// Domain 0 is above permissions and quotas.
    [[nodiscard]] bool is_privileged() const { return domain.id == 0; }
};

/// What `caller` may do to a node with `permissions`.
[[nodiscard]] Access access_of(const Caller& caller, const PermissionList& permissions);
/// Whether the caller owns the node, may act for its owner, or is privileged.
[[nodiscard]] bool is_owner(const Caller& caller, const PermissionList& permissions);

/// Wire text of one entry ("r5").
[[nodiscard]] std::string to_text(const Permission& permission);
/// Reads one entry; the incarnation is left 0 for the caller to fill in.
[[nodiscard]] Result<Permission> parse_permission(std::string_view text);

/// A list with one entry.
[[nodiscard]] Permissions owned_by(DomainKey domain, Access others);

}  // namespace rf::store
