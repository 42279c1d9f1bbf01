// SPDX-License-Identifier: MIT
#pragma once
/// A page of the guest and its loan to another domain, as one thing: both end with the object. A page that the other domain
/// still has mapped is lost for good rather than reused. Owner: one frontend. Freestanding.

#include <utility>

#include "front/doors.hpp"

namespace rf::front {

class LentPage {
public:
    LentPage() = default;
    /// Allocates and lends a zeroed page. ENOMEM, or the errors of GrantTable::lend.
    [[nodiscard]] static Result<LentPage> make(Pages& pages, GrantTable& grants, xen::domid_t domain, GrantAccess access);

    LentPage(LentPage&& other) noexcept
        : pages_(other.pages_), grants_(other.grants_), bytes_(std::exchange(other.bytes_, nullptr)), reference_(other.reference_)
    {
    }
    LentPage& operator=(LentPage&& other) noexcept
    {
        end();
        pages_ = other.pages_;
        grants_ = other.grants_;
        bytes_ = std::exchange(other.bytes_, nullptr);
        reference_ = other.reference_;
        return *this;
    }
    ~LentPage() { end(); }

    [[nodiscard]] std::byte* bytes() const { return bytes_; }
    [[nodiscard]] std::span<std::byte> span() const { return {bytes_, page_size}; }
    [[nodiscard]] GrantReference reference() const { return reference_; }

    /// Ends the loan now. EBUSY if the page was lost.
    Result<void> end();

private:
    Pages* pages_ = nullptr;
    GrantTable* grants_ = nullptr;
    std::byte* bytes_ = nullptr;
    GrantReference reference_ = 0;
};

}  // namespace rf::front
