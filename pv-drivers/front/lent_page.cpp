// SPDX-License-Identifier: MIT
#include "front/lent_page.hpp"

namespace rf::front {

Result<LentPage> LentPage::make(Pages& pages, GrantTable& grants, xen::domid_t domain, GrantAccess access)
{
    LentPage page;
    page.bytes_ = pages.allocate();
    if (page.bytes_ == nullptr)
        return failure(xen::XEN_ENOMEM);
    const auto reference = grants.lend(domain, page.bytes_, access);
    if (!reference) {
        pages.release(std::exchange(page.bytes_, nullptr));
        return std::unexpected(reference.error());
    }
    page.pages_ = &pages;
    page.grants_ = &grants;
    page.reference_ = *reference;
    return page;
}

Result<void> LentPage::end()
{
    if (bytes_ == nullptr)
        return {};
    auto* const bytes = std::exchange(bytes_, nullptr);
    auto back = grants_->take_back(reference_);
    if (back)
        pages_->release(bytes);
    return back;
}

}  // namespace rf::front
