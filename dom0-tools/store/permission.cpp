// SPDX-License-Identifier: MIT
#include "store/permission.hpp"

#include "store/message.hpp"

namespace rf::store {
namespace {

bool acts_for(const Caller& caller, DomainKey domain)
{
    return caller.domain == domain || caller.target == domain;
}

}  // namespace

Access access_of(const Caller& caller, const PermissionList& permissions)
{
    if (is_owner(caller, permissions))
        return Access::both;
    for (std::size_t i = 1; i < permissions.size(); ++i)
        if (acts_for(caller, permissions[i].domain))
            return permissions[i].access;
    return permissions[0].access;
}

bool is_owner(const Caller& caller, const PermissionList& permissions)
{
    return caller.is_privileged() || acts_for(caller, permissions[0].domain);
}

std::string to_text(const Permission& permission)
{
    static constexpr char letters[] = {'n', 'r', 'w', 'b'};
    return letters[static_cast<unsigned>(permission.access)] + std::to_string(permission.domain.id);
}

Result<Permission> parse_permission(std::string_view text)
{
    if (text.size() < 2)
        return std::unexpected(Error::invalid);
    Permission permission;
    switch (text[0]) {
    case 'n': permission.access = Access::none; break;
    case 'r': permission.access = Access::read; break;
    case 'w': permission.access = Access::write; break;
    case 'b': permission.access = Access::both; break;
    default: return std::unexpected(Error::invalid);
    }
    const auto id = parse_number<std::uint16_t>(text.substr(1));
    if (!id)
        return std::unexpected(id.error());
    permission.domain.id = *id;
    return permission;
}

Permissions owned_by(DomainKey domain, Access others)
{
    return std::make_shared<const PermissionList>(PermissionList{{domain, others}});
}

}  // namespace rf::store
