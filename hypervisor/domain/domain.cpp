// SPDX-License-Identifier: MIT
#include "domain/domain.hpp"

#include "cpu/guards.hpp"
#include "domain/crash.hpp"
#include "domain/structures.hpp"
#include "domain/vcpu.hpp"
#include "event/registry.hpp"
#include "mm/frame_table.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "xen/event.h"
#include "xen/mmu.h"
#include "xen/sched.h"

#include <new>

namespace rf::domain {

Domain::Domain(DomainId id, Configuration const& configuration)
    : memory(id), space(id, memory), events(id, *this, memory.structures), grants(memory), pirqs(*this),
      handle(configuration.handle), security_id(configuration.security_id), id_(id), role_(configuration.role),
      max_vcpus_(configuration.max_vcpus),
      cpuid_policy_(&pvcpu::system_policy(is_control() ? pvcpu::PolicyKind::control : pvcpu::PolicyKind::pv_default))
{
    (void)memory.structures.charge(own_bytes()); // there is no limit yet
}

Status Domain::build(Configuration const& configuration)
{
    memory.structures.set_limit(most_bytes(configuration));
    TRY(memory.enter());
    TRY(windows.create(max_vcpus_));
    space.domain_area = windows.root();
    bool const looks_at_absent = is_control() ? cpu::guards().absent_control : cpu::guards().absent_guests;
    space.end_of_memory = looks_at_absent ? mm::frames.limit().value : 0;
    space.separate = is_control() ? cpu::guards().separate_control : cpu::guards().separate_guests;
    shared_info_frame_ = TRY(memory.allocate_shared());
    shared_info_ = direct_as<xen::shared_info>(shared_info_frame_);
    for (xen::vcpu_info& info : shared_info_->vcpu_info)
        info.evtchn_upcall_mask = 1;
    time::publish_wallclock(*shared_info_, time_offset_seconds);
    TRY(events.init(shared_info_, configuration.max_event_port, max_vcpus_));
    if (is_control())
        TRY(events.allow_pirqs(*this, dev::PirqTable::limit));
    return grants.init(configuration.max_grant_frames, configuration.max_maptrack_frames);
}

Result<mm::Box<Domain>> Domain::create(DomainId id, Configuration const& configuration)
{
    if (configuration.max_vcpus == 0 || configuration.max_vcpus > max_vcpus_per_domain)
        return fail(Errno::einval);
    auto domain = TRY(mm::Box<Domain>::make(id, configuration));
    Status const built = domain->build(configuration);
    if (built)
        return domain;
    // Nobody has seen the domain: everything that it got so far goes back at once.
    Budget unlimited{~0u};
    LockGuard guard(domain->control_lock);
    while (destroy_step(*domain, unlimited) == Progress::more)
        unlimited = Budget{~0u};
    guard.unlock();
    return fail(built.error());
}

Domain::~Domain()
{
    memory.leave();
    for (auto& slot : vcpus_)
        if (Vcpu* vcpu = slot.load(relaxed)) {
            sched::scheduler.remove(*vcpu);
            (void)mm::Box<Vcpu>::adopt(vcpu, &memory.structures);
        }
    memory.structures.refund(own_bytes());
}

Result<Rights*> Domain::own_rights()
{
    if (!own_rights_) {
        auto fresh = TRY(mm::Box<Rights>::make_for(memory.structures));
        space.rights.store(fresh.get(), release);
        own_rights_ = std::move(fresh);
    }
    return own_rights_.get();
}

void Domain::set_cpuid_policy(mm::Box<pvcpu::CpuidPolicy> policy)
{
    cpuid_policy_ = policy.get();
    own_policy_ = std::move(policy);
}

Status Domain::create_vcpu(VcpuId id)
{
    if (id >= max_vcpus_)
        return fail(Errno::einval);
    if (vcpu(id))
        return fail(Errno::eexist);
    auto registers = TRY(mm::Array<std::byte>::make(cpu::ExtendedState::room(), &memory.structures));
    auto vcpu = TRY(mm::Box<Vcpu>::make_for(memory.structures, *this, id, std::move(registers)));
    if (space.separate)
        for (pvmmu::RootView* view : {&vcpu->kernel_view, &vcpu->user_view})
            TRY(view->create(space));
    TRY(sched::scheduler.add(*vcpu));
    for (std::int32_t i = controller_pauses.load(relaxed); i > 0; --i)
        sched::scheduler.pause(*vcpu);
    events.attach_vcpu(id, vcpu->events);
    vcpu->time.publish(vcpu->events.info());
    vcpus_[id].store(vcpu.release(), release);
    return {};
}

void Domain::wake(VcpuId id)
{
    Vcpu* target = vcpus_[id].load(acquire); // one that events are bound to
    if (!target)
        return;
    sched::scheduler.wake(*target);
    CpuId const cpu = target->loaded_cpu();
    if (cpu < max_cpus && cpu != cpu::current_id())
        cpu::raise_on(cpu, cpu::Work::events);
}

Status Domain::bind(std::uint32_t pirq, event::Sharing sharing)
{
    dev::Sharing const mode = sharing == event::Sharing::shareable ? dev::Sharing::shared : dev::Sharing::exclusive;
    return pirqs.bind(pirq, mode, cpu::current_id());
}

void Domain::unbind(std::uint32_t pirq) { pirqs.unbind(pirq); }

void Domain::set_affinity(std::uint32_t pirq, VcpuId id)
{
    if (Vcpu* target = vcpu(id))
        pirqs.move(pirq, target->cpu());
}

void Domain::pirq_fired(unsigned pirq) { events.pirq_fired(pirq); }

void Domain::pause()
{
    bool const caller_is_inside = cpu::current_vcpu() && &cpu::current_vcpu()->domain() == this;
    {
        LockGuard guard(control_lock); // against create_vcpu, which gives a new vCPU the pauses counted so far
        controller_pauses.fetch_add(1, acq_rel);
        for_each_vcpu([](Vcpu& vcpu) { sched::scheduler.pause(vcpu); });
    }
    // Without the lock: a vCPU may be waiting for it on its way out.
    if (!caller_is_inside)
        for_each_vcpu([](Vcpu& vcpu) { sched::scheduler.wait_descheduled(vcpu); });
}

void Domain::unpause()
{
    if (controller_pauses.load(relaxed) <= 0)
        return;
    // A builder clears the shared page before the first unpause; the guest needs its time from the first instruction.
    time::publish_wallclock(*shared_info_, time_offset_seconds);
    for_each_vcpu([](Vcpu& vcpu) { vcpu.time.publish(vcpu.events.info()); });
    controller_pauses.fetch_sub(1, acq_rel);
    for_each_vcpu([](Vcpu& vcpu) { sched::scheduler.unpause(vcpu); });
}

void Domain::shutdown(unsigned reason)
{
    if (is_control())
        end_of_control_domain(*this, reason);
    if (is_shut_down.exchange(true, acq_rel))
        return;
    if (shutdown_code.load(relaxed) == no_shutdown_code) // SCHEDOP_shutdown_code may have noted a better one
        shutdown_code.store(reason, release);
    for_each_vcpu([](Vcpu& vcpu) { sched::scheduler.pause(vcpu); });
    event::registry.raise_global(xen::VIRQ_DOM_EXC);
}

void Domain::resume()
{
    if (!is_shut_down.exchange(false, acq_rel))
        return;
    shutdown_code.store(no_shutdown_code, release);
    for_each_vcpu([](Vcpu& vcpu) { sched::scheduler.unpause(vcpu); });
}

void Domain::crash(std::string_view why)
{
    Vcpu* vcpu = cpu::current_vcpu();
    report_crash(*this, vcpu && &vcpu->domain() == this ? vcpu : nullptr, why);
    shutdown(xen::SHUTDOWN_crash);
}

time::RunstateProtocol Domain::runstate_protocol() const
{
    return assists.load(relaxed) >> xen::VMASST_TYPE_runstate_update_flag & 1 ? time::RunstateProtocol::update_flag
                                                                            : time::RunstateProtocol::plain;
}

} // namespace rf::domain
