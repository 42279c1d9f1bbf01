// SPDX-License-Identifier: MIT
#pragma once
/// Device interrupts: which line or message reaches which CPU under which vector, and who hears it.
///
/// An Interrupt is an I/O APIC pin or one MSI/MSI-X message. Its vector belongs to one CPU (vector tables are per CPU;
/// delivery is fixed, physical destination). It has either one handler of the hypervisor or bound domains (PirqSink).
///
/// Edge and message interrupts: acknowledged at the local APIC at once, then the sinks are called.
/// Level lines: masked, acknowledged, sinks called; unmasked when every bound domain has ended it (PHYSDEVOP_eoi).
/// A move to another CPU keeps the vector number if it is free there; a level line moves only while none is in service.
///
/// Lock: InterruptRouter::lock_ (rank interrupt_routing), never held while handlers or sinks run. Callers may hold
/// event_table. wait_for_deliveries() is the grace period after which a sink may be destroyed.

#include "base/per_cpu.hpp"
#include "base/result.hpp"
#include "base/spinlock.hpp"
#include "dev/interrupt_types.hpp"
#include "dev/io_apic.hpp"
#include "dev/msi.hpp"

#include <span>

namespace rf::dev {

/// A handler of the hypervisor's own; called with interrupts off.
using OwnHandler = void (*)();

/// What routing needs of the local APICs.
struct LocalInterrupts {
    void (*acknowledge)();                  ///< end of interrupt at this CPU's local APIC
    std::uint32_t (*apic_id)(CpuId cpu);
};

/// Vectors that device interrupts may get.
struct VectorRange {
    std::uint8_t first, last;
};

/// Names an interrupt in the router: GSIs by their number, messages above.
enum class InterruptId : std::uint16_t {};

class InterruptRouter {
public:
    constexpr InterruptRouter() = default;

    /// Before the first add_io_apic.
    void initialise(LocalInterrupts local, VectorRange vectors, pci::Configuration& configuration);
    /// Errno::enospc: too many controllers or pins.
    [[nodiscard]] Status add_io_apic(IoApicRegisters& registers, acpi::IoApicEntry const& entry);
    /// Number of pins of all I/O APICs: one past the highest GSI.
    [[nodiscard]] unsigned gsi_limit() const { return gsi_limit_; }
    [[nodiscard]] unsigned io_apic_count() const { return io_apic_count_; }
    [[nodiscard]] std::uint64_t io_apic_address(unsigned index) const { return io_apics_[index].address(); }

    /// The interrupt of a pin. Errno::einval: no such GSI.
    [[nodiscard]] Result<InterruptId> gsi(Gsi gsi) const;
    /// What a line is until Dom0 configures it (ISA: by the MADT; others: level, low).
    void set_default(Gsi gsi, Trigger trigger, Polarity polarity);
    /// Sets trigger and polarity while nobody uses the line. Errno::eexist: in use, or already set this way;
    /// Errno::einval: no line.
    [[nodiscard]] Status configure(InterruptId id, Trigger trigger, Polarity polarity);
    /// Gives a line to the hypervisor and unmasks it. Errno::ebusy.
    [[nodiscard]] Status bind_own(InterruptId id, CpuId cpu, OwnHandler handler);

    /// Creates the interrupt of a message, with a vector on `cpu` and address and data written into the device; masked
    /// where the device can mask. Errno::eexist: that place has one; Errno::enospc: no vector or no slot left.
    [[nodiscard]] Result<InterruptId> create_message(MsiPlace const& place, CpuId cpu);
    /// Masks and forgets it; it must have no bound domain.
    void destroy_message(InterruptId id);
    /// Writes address and data again (the device lost them). The interrupts of one function.
    void restore_messages(pci::Address address);

    /// Adds a domain. Errno::ebusy: used by the hypervisor, exclusively by someone, or by too many; Errno::enospc: no
    /// vector free.
    [[nodiscard]] Status bind(InterruptId id, PirqSink& sink, unsigned pirq, Sharing sharing, CpuId cpu);
    void unbind(InterruptId id, PirqSink& sink, unsigned pirq);
    /// The domain has served its level interrupt.
    void end(InterruptId id, PirqSink& sink, unsigned pirq);
    /// Asks for delivery on another CPU.
    void move(InterruptId id, CpuId cpu);
    [[nodiscard]] bool needs_end(InterruptId id);
    [[nodiscard]] bool is_shared(InterruptId id);

    /// A device vector arrived at this CPU.
    void on_interrupt(std::uint8_t vector);
    /// Returns when every delivery that was under way on other CPUs at the time of the call is over. Call it without
    /// locks that a sink takes.
    void wait_for_deliveries();

    /// PHYSDEVOP_apic_read. Errno::einval: no I/O APIC at that address, or no such register.
    [[nodiscard]] Result<std::uint32_t> read_io_apic(std::uint64_t address, std::uint32_t index);
    /// Masks every pin and message: before reset or power-off.
    void mask_all();

private:
    static constexpr unsigned max_io_apics = 16;
    static constexpr unsigned max_gsis = 256;
    static constexpr unsigned max_messages = 768;
    static constexpr unsigned max_interrupts = max_gsis + max_messages;
    static constexpr unsigned max_sinks = 4;

    struct Bound {
        PirqSink* sink = nullptr;
        unsigned pirq = 0;
        bool serving = false; ///< told, and not ended yet
    };
    struct Interrupt {
        bool exists = false;
        bool is_message = false;
        bool configured = false;     ///< Dom0 told trigger and polarity
        bool open = false;           ///< not masked
        Trigger trigger = Trigger::edge;
        Polarity polarity = Polarity::high;
        Sharing sharing = Sharing::exclusive;
        std::uint8_t vector = 0;     ///< 0: none yet
        CpuId cpu = 0;
        CpuId wanted_cpu = 0;
        std::uint8_t old_vector = 0; ///< still claimed on old_cpu until the first arrival at the new place
        CpuId old_cpu = 0;
        std::uint8_t bound_count = 0;
        std::uint8_t serving_count = 0;
        std::uint16_t io_apic = 0;
        std::uint16_t pin = 0;
        OwnHandler handler = nullptr;
        MsiPlace place;
        std::array<Bound, max_sinks> bound;
    };
    struct CpuVectors {
        std::array<std::uint16_t, 256> owner{}; ///< interrupt index + 1; 0 = free
        Atomic<std::uint32_t> deliveries{0};    ///< odd while this CPU is delivering
    };
    struct Delivery;

    [[nodiscard]] static unsigned index(InterruptId id) { return static_cast<unsigned>(id); }
    [[nodiscard]] Interrupt* existing(InterruptId id);
    [[nodiscard]] bool claim_vector(unsigned number, CpuId cpu, std::uint8_t preferred);
    void release_vector(CpuId cpu, std::uint8_t vector);
    static void forget(Interrupt& interrupt);
    [[nodiscard]] Status give_vector(unsigned number, CpuId cpu);
    [[nodiscard]] CpuId reachable(Interrupt const& interrupt, CpuId cpu) const;
    void release_old_place(Interrupt& interrupt);
    void program(Interrupt& interrupt);
    void redirect(Interrupt& interrupt);
    void set_open(Interrupt& interrupt, bool open);
    void apply_move(unsigned number);
    void collect(Interrupt& interrupt, CpuId cpu, std::uint8_t vector, Delivery& delivery);
    [[nodiscard]] static Bound* find(Interrupt& interrupt, PirqSink& sink, unsigned pirq);

    Spinlock lock_{LockRank::interrupt_routing};
    LocalInterrupts local_{};
    VectorRange vectors_{};
    pci::Configuration* configuration_ = nullptr;
    unsigned io_apic_count_ = 0;
    unsigned gsi_limit_ = 0;
    unsigned next_vector_ = 0;
    std::array<IoApic, max_io_apics> io_apics_{};
    std::array<Interrupt, max_interrupts> interrupts_{};
    PerCpu<CpuVectors> cpus_{};
};

/// The machine's device interrupts.
extern InterruptRouter interrupts;

/// Called by entry/ for every vector in the device range.
inline void on_interrupt(std::uint8_t vector) { interrupts.on_interrupt(vector); }

} // namespace rf::dev
