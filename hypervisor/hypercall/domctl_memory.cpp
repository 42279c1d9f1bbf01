// SPDX-License-Identifier: MIT
/// domctl: limits and contents of a domain's memory.
#include "base/address_map.hpp"
#include "guest/access.hpp"
#include "hypercall/control_settings.hpp"
#include "hypercall/domctl.hpp"
#include "mm/page_ref.hpp"
#include "pvcpu/hypercall_page.hpp"

#include <algorithm>
#include <array>

namespace rf::hypercall::domctls {

Result<Reply> max_mem(Domain& domain, xen::xen_domctl& op)
{
    constexpr unsigned kib_per_page_shift = page_shift - 10;
    domain.memory.set_limit(op.u.max_mem.max_memkb >> kib_per_page_shift);
    return Reply::none;
}

namespace {

/// The type of a frame for a migration stream (XEN_DOMCTL_PFINFO_*).
[[nodiscard]] std::uint32_t describe_frame(DomainId owner, Mfn mfn)
{
    mm::Frame const* frame = mm::frames.find(mfn);
    if (!frame)
        return xen::XEN_DOMCTL_PFINFO_XTAB;
    mm::FrameState const state = frame->load();
    if (state.references() == 0 || frame->owner_id() != owner || state.type() == mm::FrameType::shared)
        return xen::XEN_DOMCTL_PFINFO_XTAB;
    unsigned const level = mm::table_level(state.type());
    if (level == 0 || !state.validated())
        return xen::XEN_DOMCTL_PFINFO_NOTAB;
    return level << xen::XEN_DOMCTL_PFINFO_LTAB_SHIFT | (state.pinned() ? xen::XEN_DOMCTL_PFINFO_LPINTAB : 0);
}

} // namespace

Result<Reply> getpageframeinfo3(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_getpageframeinfo3 const& request = op.u.getpageframeinfo3;
    constexpr std::uint64_t most_frames = 1024;
    constexpr std::uint64_t chunk_size = 64;
    if (request.num > most_frames)
        return fail(Errno::e2big);
    guest::Array<xen::xen_pfn_t> const list{request.array.address, request.num};
    for (std::uint64_t done = 0; done < request.num; done += chunk_size) {
        std::array<xen::xen_pfn_t, chunk_size> chunk;
        std::uint64_t const count = std::min(chunk_size, request.num - done);
        TRY(list.read(done, chunk.data(), count));
        for (std::uint64_t i = 0; i < count; ++i)
            chunk[i] = describe_frame(domain.id(), Mfn{chunk[i]});
        TRY(guest::copy_bytes_out(GuestVirtual{list.address_of(done)}, chunk.data(), count * sizeof chunk[0]));
    }
    return Reply::none;
}

namespace {

/// Writes `pages` set bits from bit `first` on, which begins a byte. Progress::more: `first` is where to go on.
[[nodiscard]] Result<Progress> write_all_dirty(std::uint64_t bitmap, std::uint64_t& first, std::uint64_t pages)
{
    static constexpr auto ones = [] {
        std::array<std::uint8_t, 1024> bytes{};
        bytes.fill(0xff);
        return bytes;
    }();
    constexpr std::uint32_t chunk_cost = 64;
    Budget budget{entries_per_segment};
    while (first < pages) {
        if (!budget.spend(chunk_cost))
            return Progress::more;
        std::uint64_t const whole_bytes = std::min<std::uint64_t>(ones.size(), (pages - first) / 8);
        GuestVirtual const place{bitmap + first / 8};
        if (whole_bytes) {
            TRY(guest::copy_bytes_out(place, ones.data(), whole_bytes));
            first += whole_bytes * 8;
            continue;
        }
        std::uint8_t const rest = static_cast<std::uint8_t>((1u << (pages - first)) - 1);
        TRY(guest::copy_out(place.value, rest));
        first = pages;
    }
    return Progress::done;
}

/// CLEAN and PEEK: which pages were written since the last CLEAN. Writes are not traced, so the answer is "all", which
/// costs a migration time but is never wrong: the last round, with the domain stopped, sends what the others missed.
[[nodiscard]] Result<Reply> report_dirty(Domain& domain, xen::xen_domctl& op)
{
    xen::xen_domctl_shadow_op& request = op.u.shadow_op;
    if (!settings_of(domain).tracks_dirty_pages)
        return fail(Errno::einval);
    constexpr std::uint64_t most_pages = 1ull << 40;
    if (request.pages > most_pages)
        return fail(Errno::einval);
    ProgressMark<xen::xen_domctl> mark{op};
    std::uint64_t done = mark.take() & ~7ull;
    if (request.dirty_bitmap.address && TRY(write_all_dirty(request.dirty_bitmap.address, done, request.pages)) ==
                                            Progress::more) {
        mark.put(done);
        return Reply::unfinished;
    }
    request.stats = {0, static_cast<std::uint32_t>(std::min<std::uint64_t>(request.pages, ~0u))};
    return Reply::data;
}

[[nodiscard]] Result<Reply> switch_tracking(Domain& domain, bool on)
{
    LockGuard guard(domain.control_lock);
    Settings settings = settings_of(domain);
    if (on && settings.tracks_dirty_pages)
        return fail(Errno::einval);
    settings.tracks_dirty_pages = on;
    TRY(store_settings(domain, settings));
    return Reply::data;
}

} // namespace

Result<Reply> shadow_op(Domain& domain, xen::xen_domctl& op)
{
    switch (op.u.shadow_op.op) {
    case xen::XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
        return switch_tracking(domain, true);
    case xen::XEN_DOMCTL_SHADOW_OP_OFF:
        return switch_tracking(domain, false);
    case xen::XEN_DOMCTL_SHADOW_OP_CLEAN:
    case xen::XEN_DOMCTL_SHADOW_OP_PEEK:
        return report_dirty(domain, op);
    case xen::XEN_DOMCTL_SHADOW_OP_ENABLE_TEST:
    case xen::XEN_DOMCTL_SHADOW_OP_ENABLE:
    case xen::XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
    case xen::XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        return fail(Errno::eopnotsupp); // PV domains run on their own page tables
    default:
        return fail(Errno::einval);
    }
}

Result<Reply> hypercall_init(Domain& domain, xen::xen_domctl& op)
{
    Mfn const mfn{op.u.hypercall_init.gmfn};
    if (!mm::take_writable(mfn, domain.id()))
        return fail(Errno::eacces);
    pvcpu::write_hypercall_page(std::span<std::byte, page_size>{direct(mfn), page_size});
    mm::drop_writable(mfn);
    return Reply::none;
}

} // namespace rf::hypercall::domctls
