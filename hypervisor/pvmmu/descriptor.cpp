// SPDX-License-Identifier: MIT
#include "pvmmu/descriptor.hpp"

#include "base/address_map.hpp"
#include "cpu/tlb.hpp"
#include "mm/frame_table.hpp"
#include "mm/page_ref.hpp"
#include "pvmmu/tables.hpp"

namespace rf::pvmmu {
namespace {

using mm::Frame;
using mm::FrameState;
using mm::FrameType;

/// The frame cannot be mapped writable any more, so what is checked stays checked.
[[nodiscard]] Status check_all(Mfn mfn)
{
    auto* slots = direct_as<std::uint64_t>(mfn);
    for (unsigned i = 0; i < table_entries; ++i)
        TRY(admit_descriptor(slots[i]));
    for (unsigned i = 0; i < table_entries; ++i)
        slots[i] = *admit_descriptor(slots[i]);
    return {};
}

/// Checked and found bad. Whoever could write to the frame has made it something else first, or holds it as this.
[[nodiscard]] bool was_refused(FrameState state)
{
    return state.type() == FrameType::descriptor && !state.validated() && state.idle();
}

void drop_use(Frame& frame)
{
    std::uint32_t const now = cpu::flush_clock_now();
    frame.change([=](FrameState state) { return state.type_count() > 1 ? state.plus_type_uses(-1) : state.idle_since(now); });
}

[[nodiscard]] Status take_use(Frame& frame, Mfn mfn)
{
    FrameState state = frame.load();
    while (state.type() == FrameType::descriptor && state.validated() && state.type_count() < FrameState::type_count_max)
        if (frame.exchange(state, state.counted() ? state.plus_type_uses(1) : state.with_uses(1)))
            return {};
    if (was_refused(state))
        return fail(Errno::einval);
    FrameState next;
    do {
        if (!state.idle() || state.type() == FrameType::shared)
            return fail(Errno::ebusy);
        next = state.with_type(FrameType::descriptor).with(0, FrameState::validated_bit).with_uses(1);
    } while (!frame.exchange(state, next));
    mm::flush_stale(state.field());
    if (Status checked = check_all(mfn); !checked) {
        drop_use(frame);
        return checked;
    }
    frame.state.fetch_or(FrameState::validated_bit, acq_rel);
    return {};
}

} // namespace

Status take_descriptor_page(Space& space, Mfn mfn)
{
    TRY(mm::take_reference(mfn, space.id));
    Status taken = take_use(mm::frames[mfn], mfn);
    if (!taken)
        mm::drop_reference(mfn);
    return taken;
}

Progress judge_descriptor_page(Space& space, Mfn mfn, Budget& budget)
{
    constexpr std::uint32_t cost = 60; // 512 slots are looked at twice: some 14,000 instructions
    Frame const* frame = mm::frames.find(mfn);
    if (!frame || frame->owner_id() != space.id)
        return Progress::done;
    FrameState const state = frame->load();
    if (state.type() == FrameType::descriptor || !state.idle()) // judged, or refused at first sight
        return Progress::done;
    if (!budget.spend(cost))
        return Progress::more;
    if (take_descriptor_page(space, mfn))
        drop_descriptor_page(mfn);
    return Progress::done;
}

void drop_descriptor_page(Mfn mfn)
{
    drop_use(mm::frames[mfn]);
    mm::drop_reference(mfn);
}

Status write_descriptor(Space& space, Mfn mfn, std::uint64_t offset, std::uint64_t descriptor)
{
    if (offset % 8 || offset >= page_size)
        return fail(Errno::einval);
    std::uint64_t const admitted = TRY(admit_descriptor(descriptor));
    TRY(mm::take_reference(mfn, space.id));
    Frame& frame = mm::frames[mfn];
    auto const store = [&] { shared(direct_as<std::uint64_t>(mfn)[offset / 8]).store(admitted, relaxed); };
    FrameState const state = frame.load();
    if (state.type() == FrameType::descriptor && state.validated()) {
        store();
    } else if (Status writable = mm::take_writable_use(frame); !writable) {
        mm::drop_reference(mfn);
        return writable;
    } else {
        store();
        mm::drop_writable_use(frame);
    }
    mm::drop_reference(mfn);
    return {};
}

} // namespace rf::pvmmu
