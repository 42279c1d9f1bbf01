// SPDX-License-Identifier: MIT
#include "dev/interrupts.hpp"

#include <algorithm>

namespace rf::dev {

constinit InterruptRouter interrupts;

void InterruptRouter::initialise(LocalInterrupts local, VectorRange vectors, pci::Configuration& configuration)
{
    local_ = local;
    vectors_ = vectors;
    configuration_ = &configuration;
    next_vector_ = vectors.first;
}

Status InterruptRouter::add_io_apic(IoApicRegisters& registers, acpi::IoApicEntry const& entry)
{
    if (io_apic_count_ == max_io_apics || entry.first_gsi >= max_gsis)
        return fail(Errno::enospc);
    IoApic& io_apic = io_apics_[io_apic_count_];
    io_apic.attach(registers, entry);
    unsigned const pins = std::min(io_apic.pins(), max_gsis - entry.first_gsi);
    for (unsigned pin = 0; pin < pins; ++pin) {
        Interrupt& interrupt = interrupts_[entry.first_gsi + pin];
        interrupt.exists = true;
        interrupt.io_apic = static_cast<std::uint16_t>(io_apic_count_);
        interrupt.pin = static_cast<std::uint16_t>(pin);
        interrupt.trigger = Trigger::level;
        interrupt.polarity = Polarity::low;
    }
    gsi_limit_ = std::max(gsi_limit_, entry.first_gsi + pins);
    ++io_apic_count_;
    return {};
}

Result<InterruptId> InterruptRouter::gsi(Gsi gsi) const
{
    if (gsi >= gsi_limit_ || !interrupts_[gsi].exists)
        return fail(Errno::einval);
    return static_cast<InterruptId>(gsi);
}

void InterruptRouter::set_default(Gsi gsi, Trigger trigger, Polarity polarity)
{
    LockGuard guard(lock_);
    if (gsi < gsi_limit_ && !interrupts_[gsi].configured) {
        interrupts_[gsi].trigger = trigger;
        interrupts_[gsi].polarity = polarity;
    }
}

Status InterruptRouter::configure(InterruptId id, Trigger trigger, Polarity polarity)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    if (!interrupt || interrupt->is_message)
        return fail(Errno::einval);
    bool const same = interrupt->trigger == trigger && interrupt->polarity == polarity;
    if (interrupt->handler || interrupt->bound_count || (interrupt->configured && same))
        return fail(Errno::eexist);
    interrupt->trigger = trigger;
    interrupt->polarity = polarity;
    interrupt->configured = true;
    if (interrupt->vector)
        program(*interrupt);
    return {};
}

Status InterruptRouter::bind_own(InterruptId id, CpuId cpu, OwnHandler handler)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    if (!interrupt || interrupt->handler || interrupt->bound_count)
        return fail(Errno::ebusy);
    TRY(give_vector(index(id), cpu));
    interrupt->handler = handler;
    set_open(*interrupt, true);
    return {};
}

Result<InterruptId> InterruptRouter::create_message(MsiPlace const& place, CpuId cpu)
{
    LockGuard guard(lock_);
    unsigned free_slot = 0;
    for (unsigned number = max_gsis; number < max_interrupts; ++number) {
        Interrupt const& other = interrupts_[number];
        if (!other.exists) {
            free_slot = free_slot ? free_slot : number;
            continue;
        }
        if (other.place.address == place.address && other.place.kind == place.kind && other.place.entry == place.entry)
            return fail(Errno::eexist);
    }
    if (!free_slot)
        return fail(Errno::enospc);
    Interrupt& interrupt = interrupts_[free_slot];
    forget(interrupt);
    interrupt.is_message = true;
    interrupt.place = place;
    set_mask(*configuration_, place, true);
    TRY(give_vector(free_slot, cpu));
    interrupt.exists = true;
    return static_cast<InterruptId>(free_slot);
}

void InterruptRouter::destroy_message(InterruptId id)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    if (!interrupt || !interrupt->is_message || interrupt->bound_count)
        return;
    silence(*configuration_, interrupt->place);
    release_old_place(*interrupt);
    release_vector(interrupt->cpu, interrupt->vector);
    forget(*interrupt);
}

void InterruptRouter::restore_messages(pci::Address address)
{
    LockGuard guard(lock_);
    for (unsigned number = max_gsis; number < max_interrupts; ++number) {
        Interrupt& interrupt = interrupts_[number];
        if (!interrupt.exists || interrupt.place.address != address)
            continue;
        program(interrupt);
        set_mask(*configuration_, interrupt.place, !interrupt.open);
    }
}

Status InterruptRouter::bind(InterruptId id, PirqSink& sink, unsigned pirq, Sharing sharing, CpuId cpu)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    if (!interrupt || interrupt->handler || interrupt->bound_count == max_sinks)
        return fail(Errno::ebusy);
    bool const first = interrupt->bound_count == 0;
    if (!first && (sharing == Sharing::exclusive || interrupt->sharing == Sharing::exclusive))
        return fail(Errno::ebusy);
    if (!interrupt->vector)
        TRY(give_vector(index(id), cpu));
    interrupt->bound[interrupt->bound_count++] = {.sink = &sink, .pirq = pirq, .serving = false};
    if (first) {
        interrupt->sharing = sharing;
        interrupt->wanted_cpu = reachable(*interrupt, cpu);
        apply_move(index(id));
        set_open(*interrupt, true);
    }
    return {};
}

void InterruptRouter::unbind(InterruptId id, PirqSink& sink, unsigned pirq)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    Bound* const bound = interrupt ? find(*interrupt, sink, pirq) : nullptr;
    if (!bound)
        return;
    if (bound->serving)
        --interrupt->serving_count;
    *bound = interrupt->bound[--interrupt->bound_count];
    if (interrupt->bound_count == 0)
        set_open(*interrupt, false);
    else if (interrupt->serving_count == 0)
        set_open(*interrupt, true);
}

void InterruptRouter::end(InterruptId id, PirqSink& sink, unsigned pirq)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    Bound* const bound = interrupt ? find(*interrupt, sink, pirq) : nullptr;
    if (!bound || !bound->serving)
        return;
    bound->serving = false;
    if (--interrupt->serving_count == 0) {
        apply_move(index(id));
        set_open(*interrupt, true);
    }
}

void InterruptRouter::move(InterruptId id, CpuId cpu)
{
    LockGuard guard(lock_);
    Interrupt* const interrupt = existing(id);
    if (!interrupt || !interrupt->vector)
        return;
    interrupt->wanted_cpu = reachable(*interrupt, cpu);
    // A level line with an interrupt under way is moved by end(): the I/O APIC matches the end of interrupt by vector.
    if (interrupt->trigger == Trigger::edge || interrupt->is_message || !interrupt->open) {
        if (interrupt->serving_count == 0)
            apply_move(index(id));
        return;
    }
    set_open(*interrupt, false);
    if (!io_apics_[interrupt->io_apic].in_service(interrupt->pin))
        apply_move(index(id));
    set_open(*interrupt, true);
}

bool InterruptRouter::needs_end(InterruptId id)
{
    LockGuard guard(lock_);
    Interrupt const* const interrupt = existing(id);
    return interrupt && !interrupt->is_message && interrupt->trigger == Trigger::level;
}

bool InterruptRouter::is_shared(InterruptId id)
{
    LockGuard guard(lock_);
    Interrupt const* const interrupt = existing(id);
    return interrupt && interrupt->bound_count > 1;
}

Result<std::uint32_t> InterruptRouter::read_io_apic(std::uint64_t address, std::uint32_t index)
{
    LockGuard guard(lock_);
    for (unsigned i = 0; i < io_apic_count_; ++i)
        if (io_apics_[i].address() == address)
            return io_apics_[i].guest_read(index);
    return fail(Errno::einval);
}

void InterruptRouter::mask_all()
{
    for (unsigned i = 0; i < io_apic_count_; ++i)
        for (unsigned pin = 0; pin < io_apics_[i].pins(); ++pin)
            io_apics_[i].set_mask(pin, true);
}

} // namespace rf::dev
