// SPDX-License-Identifier: MIT
#include "mm/page_ref.hpp"

#include "base/panic.hpp"
#include "cpu/relax.hpp"
#include "cpu/tlb.hpp"
#include "mm/allocator.hpp"
#include "mm/domain_memory.hpp"
#include "mm/id_table.hpp"
#include "mm/m2p.hpp"

namespace rf::mm {
namespace {

constinit IdTable<DomainMemory> owners;

/// The last reference is gone: nobody maps the frame any more.
void free_frame(Frame& frame, FrameType type)
{
    Mfn const mfn = frames.number(frame);
    if (DomainMemory* owner = owners.find(frame.owner_id()))
        owner->disown(type);
    set_m2p(mfn, invalid_pfn);
    allocator.release(mfn, 0);
}

/// A frame on its way to its first writable use: partial, but as nothing. Nobody can take it as anything meanwhile.
[[nodiscard]] FrameState becoming_writable(FrameState state)
{
    return state.with_type(FrameType::none).with(0, FrameState::validated_bit).building(state.field());
}
[[nodiscard]] bool is_becoming_writable(FrameState state)
{
    return state.type() == FrameType::none && state.partial();
}

/// The frame may have been a page table or descriptor page a moment ago: a CPU that still walks it as one must forget that
/// before the guest can write to it.
void make_writable(Frame& frame, std::uint32_t stamp)
{
    flush_stale(stamp);
    frame.change([](FrameState state) { return state.with_type(FrameType::writable).with_uses(1); });
}

/// One by one.
[[gnu::noinline]] void drop_mappings_singly(Frame& frame, MappingAccess access, unsigned count)
{
    if (frame.load().word() == FrameState::hole)
        return;
    for (unsigned use = 0; access == MappingAccess::write && use < count; ++use)
        drop_writable_use(frame);
    for (unsigned reference = 0; reference < count; ++reference)
        drop_reference(frames.number(frame));
}

} // namespace

Status DomainMemory::enter() { return owners.set(id_, this); }
void DomainMemory::leave()
{
    (void)set_claim(0); // ending a claim cannot fail
    owners.clear(id_);
}

Status take_reference(Mfn mfn, DomainId owner)
{
    Frame* frame = frames.find(mfn);
    if (!frame)
        return fail(Errno::einval);
    FrameState state = frame->load();
    do {
        // The owner is read between two looks at the word: it can change only while there are no references.
        if (state.references() == 0 || state.references() == FrameState::references_max)
            return fail(Errno::ebusy);
        if (frame->owner_id() != owner)
            return fail(Errno::eperm);
    } while (!frame->exchange(state, state.plus_references(1)));
    if (frame->owner_id() != owner) [[unlikely]] { // freed and given to someone else before our reference
        drop_reference(mfn);
        return fail(Errno::eperm);
    }
    return {};
}

void drop_reference(Mfn mfn)
{
    Frame& frame = frames[mfn];
    FrameState state = frame.load();
    FrameState next;
    do {
        require(state.references() > 0, "more references dropped than taken");
        next = state.plus_references(-1);
    } while (!frame.exchange(state, next));
    if (next.references() == 0)
        free_frame(frame, next.type());
}

Status take_writable(Mfn mfn, DomainId owner)
{
    TRY(take_reference(mfn, owner));
    if (Status typed = take_writable_use(frames[mfn]); !typed) {
        drop_reference(mfn);
        return typed;
    }
    return {};
}

void flush_stale(std::uint32_t stamp)
{
    CpuMask const stale = cpu::filter_flushed_since(cpu::online(), stamp);
    if (!stale.empty())
        cpu::flush_cpus(stale);
}

Status take_writable_use(Frame& frame)
{
    FrameState state = frame.load();
    while (true) {
        if (state.type() == FrameType::writable || state.type() == FrameType::shared) {
            if (state.type_count() == FrameState::type_count_max)
                return fail(Errno::ebusy);
            if (frame.exchange(state, state.counted() ? state.plus_type_uses(1) : state.with_uses(1)))
                return {};
        } else if (is_becoming_writable(state)) {
            cpu::relax(); // another CPU is in make_writable, which always ends
            state = frame.load();
        } else if (!state.idle() || state.pinned()) {
            return fail(Errno::ebusy);
        } else if (frame.exchange(state, becoming_writable(state))) {
            make_writable(frame, state.field());
            return {};
        }
    }
}

void drop_writable_use(Frame& frame)
{
    FrameState state = frame.load();
    FrameState next;
    do {
        require(state.type_count() > 0, "more writable uses dropped than taken");
        // Whoever turns the frame into a page table sees a stamp at least as new as the end of the last use.
        next = state.type_count() > 1 ? state.plus_type_uses(-1) : state.idle_since(cpu::flush_clock_now());
    } while (!frame.exchange(state, next));
}

void drop_writable(Mfn mfn)
{
    drop_writable_use(frames[mfn]);
    drop_reference(mfn);
}

void drop_last_mappings(Frame& frame, MappingAccess access, unsigned count)
{
    if (access == MappingAccess::write) { // of a frame that has other holders: at one stroke, too
        std::uint32_t const now = cpu::flush_clock_now();
        FrameState const state = frame.load();
        FrameState expected = state;
        if (state.counted_as(FrameType::writable) && state.field() == count && state.references() > count &&
            frame.exchange(expected, state.idle_since(now).plus_references(-std::int64_t{count}))) [[likely]]
            return;
    }
    drop_mappings_singly(frame, access, count);
}

Status take_mappings_singly(Mfn mfn, DomainId owner, MappingAccess access, unsigned count)
{
    if (Frame* const known = frames.find(mfn);
        known && access == MappingAccess::write && take_first_writable_mapping(*known, owner, count))
        return {};
    for (unsigned taken = 0; taken < count; ++taken) {
        Status const one = access == MappingAccess::write ? take_writable(mfn, owner) : take_reference(mfn, owner);
        if (!one) {
            if (taken > 0)
                drop_mapping(frames[mfn], access, taken);
            return one;
        }
    }
    return {};
}

} // namespace rf::mm
