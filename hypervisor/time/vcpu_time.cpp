// SPDX-License-Identifier: MIT
#include "time/vcpu_time.hpp"

#include "cpu/current.hpp"
#include "guest/access.hpp"
#include "time/clock.hpp"

#include <cstddef>

namespace rf::time {

namespace {

/// Byte of state_entry_time that holds XEN_RUNSTATE_UPDATE.
constexpr std::uint64_t update_flag_offset = offsetof(xen::vcpu_runstate_info, state_entry_time) + 7;
constexpr std::uint8_t update_flag_byte = xen::XEN_RUNSTATE_UPDATE >> 56;

Status write_runstate(GuestVirtual area, xen::vcpu_runstate_info info, RunstateProtocol protocol)
{
    if (protocol == RunstateProtocol::plain)
        return guest::copy_out(area.value, info);
    // Readers on other vCPUs skip the area while the flag is there; no time is so late that the byte has other bits.
    TRY(guest::copy_out(area.value + update_flag_offset, update_flag_byte));
    info.state_entry_time |= xen::XEN_RUNSTATE_UPDATE;
    TRY(guest::copy_out(area.value, info));
    return guest::copy_out(area.value + update_flag_offset, std::uint8_t{0});
}

} // namespace

VcpuTime::VcpuTime(Listener& listener)
    : listener_(listener), tick_(tick_fired, this), singleshot_(singleshot_fired, this), poll_(poll_fired, this)
{
}

void VcpuTime::scheduled_in(Runstate const& runstate, LoadedSpace space, RunstateProtocol protocol)
{
    CpuId const cpu = cpu::current_id();
    singleshot_.move_to(cpu);
    poll_.move_to(cpu);
    loaded_.store(true, relaxed);
    resume_tick();
    update_runstate_area(runstate, space, protocol);
}

void VcpuTime::scheduled_out(Runstate const& runstate, LoadedSpace space, RunstateProtocol protocol)
{
    // A tick alone never wakes a sleeping vCPU; a missed one is made up for in scheduled_in.
    loaded_.store(false, relaxed);
    tick_.cancel();
    update_runstate_area(runstate, space, protocol);
}

void VcpuTime::kernel_space_loaded(Runstate const& runstate, RunstateProtocol protocol)
{
    if (runstate_deferred_)
        update_runstate_area(runstate, LoadedSpace::kernel, protocol);
}

void VcpuTime::resume_tick()
{
    Nanoseconds const period = period_.load(acquire);
    if (period == 0)
        return;
    Nanoseconds const present = now();
    Nanoseconds const last = last_tick_.load(relaxed);
    Nanoseconds const elapsed = present > last ? present - last : 0;
    Nanoseconds const latest = last + (elapsed - elapsed % period); // keeps the phase, skips what was missed
    if (latest != last) {
        last_tick_.store(latest, relaxed);
        listener_.timer_expired();
    }
    tick_.arm(latest + period);
}

void VcpuTime::tick_fired(void* self)
{
    auto& time = *static_cast<VcpuTime*>(self);
    if (time.loaded_.load(relaxed))
        time.resume_tick();
}

void VcpuTime::singleshot_fired(void* self) { static_cast<VcpuTime*>(self)->listener_.timer_expired(); }

void VcpuTime::poll_fired(void* self) { static_cast<VcpuTime*>(self)->listener_.poll_expired(); }

Status VcpuTime::set_periodic(Nanoseconds period)
{
    if (period < shortest_tick || period > longest_tick)
        return fail(Errno::einval);
    last_tick_.store(now(), relaxed);
    period_.store(period, release);
    if (loaded_.load(relaxed))
        tick_.arm(now() + period);
    return {};
}

void VcpuTime::stop_periodic()
{
    period_.store(0, release);
    tick_.cancel();
}

void VcpuTime::set_singleshot(Nanoseconds deadline) { singleshot_.arm(deadline); }
void VcpuTime::stop_singleshot() { singleshot_.cancel(); }
void VcpuTime::set_poll_timeout(Nanoseconds deadline) { poll_.arm(deadline); }
void VcpuTime::stop_poll_timeout() { poll_.cancel(); }

void VcpuTime::stop()
{
    tick_.cancel_and_wait();
    singleshot_.cancel_and_wait();
    poll_.cancel_and_wait();
}

void VcpuTime::reset()
{
    stop();
    period_.store(default_tick, release);
    runstate_area_.store(0, release);
    runstate_deferred_ = false;
}

void VcpuTime::publish(xen::vcpu_info& info) const { time::publish(info.time); }

Status VcpuTime::write_time_area(GuestVirtual area)
{
    xen::vcpu_time_info page = time_page();
    page.version = 1;
    TRY(guest::copy_out(area.value, page));
    return guest::copy_out(area.value + offsetof(xen::vcpu_time_info, version), std::uint32_t{2});
}

Status VcpuTime::register_runstate_area(GuestVirtual area, Runstate const& runstate, RunstateProtocol protocol)
{
    if (area.value != 0)
        TRY(write_runstate(area, runstate.at_last_change(), protocol));
    runstate_area_.store(area.value, release);
    return {};
}

void VcpuTime::update_runstate_area(Runstate const& runstate, LoadedSpace space, RunstateProtocol protocol)
{
    std::uint64_t const area = runstate_area_.load(acquire);
    runstate_deferred_ = area != 0 && space == LoadedSpace::user;
    if (area == 0 || runstate_deferred_)
        return;
    // A guest that unmapped its area loses the update, nothing else.
    (void)write_runstate(GuestVirtual{area}, runstate.at_last_change(), protocol);
}

} // namespace rf::time
