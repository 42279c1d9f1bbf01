// SPDX-License-Identifier: MIT
#include "domain/vcpu.hpp"

#include "domain/domain.hpp"
#include "sched/scheduler.hpp"
#include "xen/event.h"

namespace rf::domain {

Vcpu::Vcpu(Domain& domain, VcpuId id, mm::Array<std::byte> registers)
    : Unit(domain.group), time(*this), registers(std::move(registers)),
      xstate({this->registers.data(), this->registers.size()}), domain_(domain), id_(id)
{
}

void Vcpu::timer_expired() { domain_.events.raise_virq(id_, xen::VIRQ_TIMER); }

void Vcpu::poll_expired()
{
    domain_.events.end_poll(id_);
    sched::scheduler.wake(*this);
}

} // namespace rf::domain
