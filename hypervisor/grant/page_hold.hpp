// SPDX-License-Identifier: MIT
#pragma once
/// A page in use: referenced, and if it was reached through a grant, the grant marked in use. Given back on destruction in
/// the right order: grant first, reference last.

#include "grant/table.hpp"

#include <utility>

namespace rf::grant {

class PageHold {
public:
    /// Grant `ref` of `granter`, on behalf of `user`. GNTST_bad_gntref, GNTST_general_error.
    [[nodiscard]] static Granted<PageHold> of_grant(GrantTable& granter, std::uint32_t ref, DomainId user, Access access);
    /// A frame that belongs to `owner`. GNTST_bad_page (not its frame), GNTST_general_error (in use as a page table).
    [[nodiscard]] static Granted<PageHold> of_frame(DomainId owner, Mfn frame, Access access);

    PageHold(PageHold&& other) noexcept
        : granter_(other.granter_), ref_(other.ref_), frame_(std::exchange(other.frame_, invalid_mfn)),
          access_(other.access_)
    {
    }
    PageHold& operator=(PageHold&&) = delete;
    ~PageHold();

    [[nodiscard]] Mfn frame() const { return frame_; }
    /// Leaves everything taken: somebody else gives it back (Maptrack's record).
    void keep() { frame_ = invalid_mfn; }
    /// A hold that was kept, to be given back now.
    [[nodiscard]] static PageHold kept(GrantTable& granter, std::uint32_t ref, Mfn frame, Access access)
    {
        return PageHold(&granter, ref, frame, access);
    }

private:
    PageHold(GrantTable* granter, std::uint32_t ref, Mfn frame, Access access)
        : granter_(granter), ref_(ref), frame_(frame), access_(access)
    {
    }
    GrantTable* granter_; ///< null for plain frames
    std::uint32_t ref_;
    Mfn frame_; ///< invalid: nothing to give back
    Access access_;
};

} // namespace rf::grant
