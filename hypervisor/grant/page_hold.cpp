// SPDX-License-Identifier: MIT
#include "grant/page_hold.hpp"

#include "mm/page_ref.hpp"

namespace rf::grant {
namespace {

[[nodiscard]] constexpr mm::MappingAccess mapping(Access access)
{
    return access == Access::write ? mm::MappingAccess::write : mm::MappingAccess::read;
}

Status reference(Mfn frame, DomainId owner, Access access)
{
    if (mm::Frame* const known = mm::frames.find(frame); known && mm::take_mapping(*known, owner, mapping(access))) [[likely]]
        return {};
    return access == Access::write ? mm::take_writable(frame, owner) : mm::take_reference(frame, owner);
}

} // namespace

Granted<PageHold> PageHold::of_grant(GrantTable& granter, std::uint32_t ref, DomainId user, Access access)
{
    auto const frame = granter.hold(ref, user, access);
    if (!frame)
        return refuse(frame.error());
    if (!reference(*frame, granter.owner(), access)) {
        granter.let_go(ref, access);
        return refuse(xen::GNTST_general_error);
    }
    return PageHold(&granter, ref, *frame, access);
}

Granted<PageHold> PageHold::of_frame(DomainId owner, Mfn frame, Access access)
{
    if (Status taken = reference(frame, owner, access); !taken)
        return refuse(taken.error() == Errno::ebusy ? xen::GNTST_general_error : xen::GNTST_bad_page);
    return PageHold(nullptr, 0, frame, access);
}

PageHold::~PageHold()
{
    if (!frame_.valid())
        return;
    if (granter_)
        granter_->let_go(ref_, access_);
    // The reference comes last: it keeps the granter, and so its table, alive.
    mm::drop_mapping(mm::frames[frame_], mapping(access_));
}

} // namespace rf::grant
