// SPDX-License-Identifier: MIT
/// The moving parts of InterruptRouter: vectors, programming of pins and messages, delivery. All private functions run
/// under InterruptRouter::lock_.
#include "base/log.hpp"
#include "cpu/relax.hpp"
#include "dev/interrupts.hpp"

namespace rf::dev {

/// What one arrival leads to, gathered under the lock and carried out without it.
struct InterruptRouter::Delivery {
    OwnHandler handler = nullptr;
    std::array<Bound, max_sinks> bound{};
    unsigned count = 0;
};

InterruptRouter::Interrupt* InterruptRouter::existing(InterruptId id)
{
    unsigned const number = index(id);
    return number < max_interrupts && interrupts_[number].exists ? &interrupts_[number] : nullptr;
}

void InterruptRouter::forget(Interrupt& interrupt) { interrupt = Interrupt{}; }

InterruptRouter::Bound* InterruptRouter::find(Interrupt& interrupt, PirqSink& sink, unsigned pirq)
{
    for (unsigned i = 0; i < interrupt.bound_count; ++i)
        if (interrupt.bound[i].sink == &sink && interrupt.bound[i].pirq == pirq)
            return &interrupt.bound[i];
    return nullptr;
}

/// I/O APICs and messages name their destination with 8 bits; interrupts for processors beyond go to the first one.
CpuId InterruptRouter::reachable(Interrupt const&, CpuId cpu) const
{
    return cpu < max_cpus && local_.apic_id(cpu) < 0xff ? cpu : 0;
}

/// Claims a vector of `cpu` for the interrupt and stores it there; the preferred one if it is free.
bool InterruptRouter::claim_vector(unsigned number, CpuId cpu, std::uint8_t preferred)
{
    auto& owner = cpus_[cpu].owner;
    unsigned const span = vectors_.last - vectors_.first + 1u;
    unsigned const start = preferred ? preferred : next_vector_;
    for (unsigned step = 0; step < span; ++step) {
        auto const vector = static_cast<std::uint8_t>(vectors_.first + (start - vectors_.first + step) % span);
        if (owner[vector])
            continue;
        owner[vector] = static_cast<std::uint16_t>(number + 1);
        interrupts_[number].vector = vector;
        interrupts_[number].cpu = cpu;
        if (!preferred)
            next_vector_ = vector + 1u;
        return true;
    }
    return false;
}

void InterruptRouter::release_vector(CpuId cpu, std::uint8_t vector) { cpus_[cpu].owner[vector] = 0; }

void InterruptRouter::release_old_place(Interrupt& interrupt)
{
    if (interrupt.old_vector)
        release_vector(interrupt.old_cpu, interrupt.old_vector);
    interrupt.old_vector = 0;
}

/// Gives an interrupt its first vector and programs it, masked.
Status InterruptRouter::give_vector(unsigned number, CpuId cpu)
{
    Interrupt& interrupt = interrupts_[number];
    if (interrupt.vector)
        return {};
    cpu = reachable(interrupt, cpu);
    if (!claim_vector(number, cpu, 0))
        return fail(Errno::enospc);
    interrupt.wanted_cpu = interrupt.cpu;
    program(interrupt);
    return {};
}

void InterruptRouter::program(Interrupt& interrupt)
{
    std::uint32_t const destination = local_.apic_id(interrupt.cpu);
    if (interrupt.is_message) {
        write_message(*configuration_, interrupt.place, compose_message(destination, interrupt.vector));
        return;
    }
    io_apics_[interrupt.io_apic].program(interrupt.pin, {.vector = interrupt.vector,
                                                         .trigger = interrupt.trigger,
                                                         .polarity = interrupt.polarity,
                                                         .masked = !interrupt.open,
                                                         .destination = static_cast<std::uint8_t>(destination)});
}

/// Programs a new place of an interrupt that may be arriving right now, without losing it.
void InterruptRouter::redirect(Interrupt& interrupt)
{
    if (!interrupt.is_message) {
        if (interrupt.vector == interrupt.old_vector)
            io_apics_[interrupt.io_apic].redirect(interrupt.pin, static_cast<std::uint8_t>(local_.apic_id(interrupt.cpu)));
        else
            program(interrupt);
        return;
    }
    // A masked vector remembers that it is pending. Without a mask bit the vector number stayed the same if at all
    // possible, so that only the address word changes.
    set_mask(*configuration_, interrupt.place, true);
    program(interrupt);
    set_mask(*configuration_, interrupt.place, !interrupt.open);
}

void InterruptRouter::set_open(Interrupt& interrupt, bool open)
{
    if (interrupt.open == open)
        return;
    interrupt.open = open;
    if (interrupt.is_message)
        set_mask(*configuration_, interrupt.place, !open);
    else
        io_apics_[interrupt.io_apic].set_mask(interrupt.pin, !open);
}

/// Moves the interrupt to wanted_cpu; stays where it is when that CPU has no vector left.
void InterruptRouter::apply_move(unsigned number)
{
    Interrupt& interrupt = interrupts_[number];
    if (interrupt.wanted_cpu == interrupt.cpu)
        return;
    release_old_place(interrupt);
    CpuId const from_cpu = interrupt.cpu;
    std::uint8_t const from_vector = interrupt.vector;
    if (!claim_vector(number, interrupt.wanted_cpu, from_vector)) {
        interrupt.wanted_cpu = from_cpu;
        return;
    }
    interrupt.old_cpu = from_cpu;
    interrupt.old_vector = from_vector;
    redirect(interrupt);
}

void InterruptRouter::collect(Interrupt& interrupt, CpuId cpu, std::uint8_t vector, Delivery& delivery)
{
    if (interrupt.cpu == cpu && interrupt.vector == vector)
        release_old_place(interrupt);
    delivery.handler = interrupt.handler;
    delivery.bound = interrupt.bound;
    delivery.count = interrupt.bound_count;
    if (interrupt.is_message || interrupt.trigger == Trigger::edge || interrupt.handler)
        return;
    set_open(interrupt, false);
    interrupt.serving_count = interrupt.bound_count;
    for (unsigned i = 0; i < interrupt.bound_count; ++i)
        interrupt.bound[i].serving = true;
}

void InterruptRouter::on_interrupt(std::uint8_t vector)
{
    CpuId const cpu = cpu::current_id();
    CpuVectors& here = cpus_[cpu];
    here.deliveries.fetch_add(1, acq_rel);
    Delivery delivery;
    {
        LockGuard guard(lock_);
        if (unsigned const owner = here.owner[vector])
            collect(interrupts_[owner - 1], cpu, vector, delivery);
        else
            log::debug("interrupts: vector ", vector, " on CPU ", cpu, " belongs to nobody");
    }
    if (delivery.handler)
        delivery.handler();
    local_.acknowledge();
    for (unsigned i = 0; i < delivery.count; ++i)
        delivery.bound[i].sink->pirq_fired(delivery.bound[i].pirq);
    here.deliveries.fetch_add(1, release);
}

void InterruptRouter::wait_for_deliveries()
{
    CpuId const self = cpu::current_id();
    for (CpuId cpu = 0; cpu < max_cpus; ++cpu) {
        Atomic<std::uint32_t>& counter = cpus_[cpu].deliveries;
        std::uint32_t const seen = counter.load(acquire);
        while (cpu != self && seen % 2 && counter.load(acquire) == seen)
            cpu::relax();
    }
}

} // namespace rf::dev
