// SPDX-License-Identifier: MIT
#include "grant/copy.hpp"

#include "base/address_map.hpp"
#include "grant/page_hold.hpp"

#include <cstring>

namespace rf::grant {
namespace {

Granted<PageHold> hold_page(DomainId user, CopyEnd const& end, Access access)
{
    return end.kind == CopyEnd::Kind::grant
               ? PageHold::of_grant(end.owner, static_cast<std::uint32_t>(end.number), user, access)
               : PageHold::of_frame(end.owner.owner(), Mfn{end.number}, access);
}

} // namespace

xen::grant_status copy(DomainId user, CopyEnd const& source, CopyEnd const& destination, std::uint16_t length)
{
    std::uint64_t const count = length;
    if (source.offset + count > page_size || destination.offset + count > page_size)
        return xen::GNTST_bad_copy_arg;
    auto const from = hold_page(user, source, Access::read);
    if (!from)
        return from.error();
    auto const to = hold_page(user, destination, Access::write);
    if (!to)
        return to.error();
    // Both may be the same page, and both may change under us: bytes are bytes.
    std::memmove(direct(to->frame()) + destination.offset, direct(from->frame()) + source.offset, count);
    return xen::GNTST_okay;
}

} // namespace rf::grant
