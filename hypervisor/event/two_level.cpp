// SPDX-License-Identifier: MIT
#include "event/two_level.hpp"

namespace rf::event {
using detail::Bit;
using detail::bit_of;
using detail::select;

bool TwoLevel::unmask(Port port, VcpuEvents* target)
{
    Bit const bit = bit_of(port);
    if (!(shared(page_->evtchn_mask[bit.word]).fetch_and(~bit.mask) & bit.mask))
        return false;
    return is_pending(port) && target && select(bit, *target);
}

bool TwoLevel::clear_pending(Port port)
{
    Bit const bit = bit_of(port);
    return shared(page_->evtchn_pending[bit.word]).fetch_and(~bit.mask) & bit.mask;
}

bool TwoLevel::is_pending(Port port) const
{
    Bit const bit = bit_of(port);
    return shared(page_->evtchn_pending[bit.word]).load() & bit.mask;
}

} // namespace rf::event
