// SPDX-License-Identifier: MIT
#pragma once
/// The two-level event ABI: pending and mask bitmaps in shared_info, a selector word in vcpu_info.
/// Guest memory: only atomic single-word accesses; whatever a guest writes there can only cost it its own events.

#include "event/vcpu_events.hpp"

namespace rf::event {

/// What a delivery did, and so what is left to do.
struct Effect {
    bool became_pending = false; ///< pollers may be waiting for it
    bool notify = false;         ///< the target's upcall is due
};

class TwoLevel {
public:
    void init(xen::shared_info* shared_page) { page_ = shared_page; }
    [[nodiscard]] xen::shared_info& page() const { return *page_; }

    /// Sets the pending bit; `target` may be null while the vCPU does not exist yet.
    [[nodiscard]] Effect set_pending(Port port, VcpuEvents* target);
    /// Clears the mask bit; true when the event is pending and the target must be notified.
    [[nodiscard]] bool unmask(Port port, VcpuEvents* target);
    /// Clears the pending bit; true when it was set.
    bool clear_pending(Port port);
    [[nodiscard]] bool is_pending(Port port) const;

private:
    xen::shared_info* page_ = nullptr;
};

namespace detail {

struct Bit {
    unsigned word;
    std::uint64_t mask;
};
constexpr Bit bit_of(Port port) { return {port / 64, 1ull << port % 64}; }

/// The second level. A bit that is set already belongs to a notification under way.
inline bool select(Bit bit, VcpuEvents& target)
{
    std::uint64_t const selector = 1ull << bit.word;
    // info() is read after the pending bit was set: see VcpuEvents::register_vcpu_info.
    return !(shared(target.info().evtchn_pending_sel).fetch_or(selector) & selector);
}

} // namespace detail

inline Effect TwoLevel::set_pending(Port port, VcpuEvents* target)
{
    detail::Bit const bit = detail::bit_of(port);
    if (shared(page_->evtchn_pending[bit.word]).fetch_or(bit.mask) & bit.mask)
        return {};
    bool const masked = shared(page_->evtchn_mask[bit.word]).load() & bit.mask;
    return {.became_pending = true, .notify = !masked && target && detail::select(bit, *target)};
}

} // namespace rf::event
