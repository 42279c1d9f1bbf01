// SPDX-License-Identifier: MIT
#include "grant/page_hold.hpp"

#include "mm/page_ref.hpp"

namespace rf::grant {
namespace {

Status reference(Mfn frame, DomainId owner, Access access)
{
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
    if (access_ == Access::write)
        mm::drop_writable(frame_);
    else
        mm::drop_reference(frame_);
}

} // namespace rf::grant
