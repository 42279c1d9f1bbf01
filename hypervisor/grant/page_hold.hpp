// SPDX-License-Identifier: MIT
#pragma once
/// A page in use for as long as a copy takes: referenced, and if it was reached through a grant, the grant marked in use.
/// Given back on destruction in the right order: grant first, reference last.

#include "grant/table.hpp"
#include "mm/page_ref.hpp"

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

[[nodiscard]] constexpr mm::MappingAccess mapping_of(Access access)
{
    return access == Access::write ? mm::MappingAccess::write : mm::MappingAccess::read;
}

inline Granted<PageHold> PageHold::of_grant(GrantTable& granter, std::uint32_t ref, DomainId user, Access access)
{
    auto const frame = granter.hold(ref, user, access);
    if (!frame)
        return refuse(frame.error());
    if (!mm::take_mappings(*frame, granter.owner(), mapping_of(access), 1)) {
        granter.let_go(ref, access);
        return refuse(xen::GNTST_general_error);
    }
    return PageHold(&granter, ref, *frame, access);
}

inline Granted<PageHold> PageHold::of_frame(DomainId owner, Mfn frame, Access access)
{
    if (Status taken = mm::take_mappings(frame, owner, mapping_of(access), 1); !taken)
        return refuse(taken.error() == Errno::ebusy ? xen::GNTST_general_error : xen::GNTST_bad_page);
    return PageHold(nullptr, 0, frame, access);
}

inline PageHold::~PageHold()
{
    if (!frame_.valid())
        return;
    if (granter_)
        granter_->let_go(ref_, access_);
    // The reference comes last: it keeps the granter, and so its table, alive.
    mm::drop_mapping(mm::frames[frame_], mapping_of(access_));
}

} // namespace rf::grant
