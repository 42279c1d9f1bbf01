// SPDX-License-Identifier: MIT
#pragma once
/// One page shared with a domain, however it came to be mapped, and the search for the way to map it.

#include <variant>

#include "xen/foreign_map.hpp"
#include "xen/grant_map.hpp"

namespace rf::rpc {

class SharedPage {
public:
    SharedPage() = default;
    explicit SharedPage(xen::GrantMapping page) : page_(std::move(page)) {}
    explicit SharedPage(xen::ForeignMap page) : page_(std::move(page)) {}
    explicit SharedPage(xen::Mapping page) : page_(std::move(page)) {}

    [[nodiscard]] std::byte* data() const
    {
        return std::visit([](const auto& page) { return page.data(); }, page_);
    }

    /// Maps a domain's page by a grant that every domain builder seeds; if that fails, by machine frame.
    [[nodiscard]] static xen::Result<SharedPage> map(xen::GrantMapper& grants, xen::Privcmd& privcmd, xen::DomainId domain,
                                                     xen::GrantRef ref, xen::Mfn frame)
    {
        if (auto granted = grants.map(domain, ref, xen::Access::read_write))
            return SharedPage(std::move(*granted));
        auto foreign = xen::ForeignMap::map(privcmd, domain, frame, xen::Access::read_write);
        if (!foreign)
            return std::unexpected(foreign.error());
        return SharedPage(std::move(*foreign));
    }

private:
    std::variant<xen::Mapping, xen::GrantMapping, xen::ForeignMap> page_;
};

}  // namespace rf::rpc
