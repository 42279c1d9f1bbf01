// SPDX-License-Identifier: MIT
#include "event/two_level.hpp"

namespace rf::event {
namespace {

struct Bit {
    unsigned word;
    std::uint64_t mask;
};
constexpr Bit bit_of(Port port) { return {port / 64, 1ull << port % 64}; }

/// The second level. A bit that is set already belongs to a notification under way.
bool select(Bit bit, VcpuEvents& target)
{
    std::uint64_t const selector = 1ull << bit.word;
    // info() is read after the pending bit was set: see VcpuEvents::register_vcpu_info.
    return !(shared(target.info().evtchn_pending_sel).fetch_or(selector) & selector);
}

} // namespace

Effect TwoLevel::set_pending(Port port, VcpuEvents* target)
{
    Bit const bit = bit_of(port);
    if (shared(page_->evtchn_pending[bit.word]).fetch_or(bit.mask) & bit.mask)
        return {};
    bool const masked = shared(page_->evtchn_mask[bit.word]).load() & bit.mask;
    return {.became_pending = true, .notify = !masked && target && select(bit, *target)};
}

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
