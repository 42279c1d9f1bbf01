// SPDX-License-Identifier: MIT
#include "domain/teardown.hpp"

#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "event/registry.hpp"
#include "mm/page_ref.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/update.hpp"
#include "sched/scheduler.hpp"
#include "xen/event.h"

namespace rf::domain {
namespace {

using Phase = Teardown::Phase;

void stop(Domain& domain)
{
    domain.life.store(LifeState::dying, release);
    domain.for_each_vcpu([](Vcpu& vcpu) { vcpu.time.reset(); });
    domain.pirqs.release_all();
}

[[nodiscard]] Progress release_vcpus(Domain& domain, Budget& budget)
{
    if (domain.memory.trades.close(domain.memory, budget) == Progress::more)
        return Progress::more;
    for (VcpuId& id = domain.teardown.vcpu; id < domain.vcpu_limit(); ++id) {
        Vcpu* vcpu = domain.vcpu(id);
        if (!vcpu)
            continue;
        if (pvcpu::release_roots(*vcpu, budget) == Progress::more)
            return Progress::more;
        vcpu->events.unregister_vcpu_info();
    }
    return Progress::done;
}

/// One round over the domain's frames, from where the last step stopped: `act` has each with a reference, and `prepare` is
/// done before each. Frames that others hold stay the domain's.
[[nodiscard]] Progress walk(Domain& domain, Budget& budget, auto prepare, auto act)
{
    while (prepare() == Progress::done && budget.spend(4)) {
        auto const mfn = domain.memory.visit_next(domain.teardown.place, budget);
        if (!mfn)
            return mfn.error() == Errno::enoent ? Progress::done : Progress::more;
        act(*mfn);
        mm::drop_reference(*mfn);
    }
    return Progress::more;
}

/// Takes the pins away, which undoes the page tables; frames that are half validated are undone too.
[[nodiscard]] Progress release_pins(Domain& domain, Budget& budget)
{
    pvmmu::Space& space = domain.space;
    LockGuard guard(space.lock);
    return walk(
        domain, budget, [&] { return pvmmu::drain(space, budget); },
        [&](Mfn mfn) {
            mm::FrameState const state = mm::frames[mfn].load();
            if (state.pinned())
                (void)pvmmu::unpin(space, mfn); // cannot fail: it is ours and pinned
            else if (state.partial() && mm::table_level(state.type()))
                pvmmu::abandon(space, mfn);
        });
}

/// Gives up the domain's own references.
[[nodiscard]] Progress release_frames(Domain& domain, Budget& budget)
{
    return walk(
        domain, budget, [] { return Progress::done; },
        [&](Mfn mfn) {
            if (mm::frames[mfn].load().allocated())
                (void)domain.memory.give_up(mfn); // cannot fail: it is ours and allocated
        });
}

} // namespace

Progress destroy_step(Domain& domain, Budget& budget)
{
    Teardown& state = domain.teardown;
    while (true) {
        Progress step = Progress::done;
        switch (state.phase) {
        case Phase::stop:
            stop(domain);
            break;
        case Phase::events:
            step = domain.events.close_all(budget);
            break;
        case Phase::roots:
            step = release_vcpus(domain, budget);
            break;
        case Phase::pins:
            step = release_pins(domain, budget);
            break;
        case Phase::grants:
            step = domain.grants.release_all(budget);
            break;
        case Phase::frames:
            step = release_frames(domain, budget);
            break;
        case Phase::finished:
            return Progress::done;
        }
        if (step == Progress::more)
            return Progress::more;
        state.phase = static_cast<Phase>(static_cast<unsigned>(state.phase) + 1);
        state.place = Mfn{0};
        if (state.phase == Phase::finished) {
            mark_dead(domain);
            event::registry.raise_global(xen::VIRQ_DOM_EXC);
        }
    }
}

} // namespace rf::domain
