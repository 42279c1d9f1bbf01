// SPDX-License-Identifier: MIT
#pragma once
/// One domain's numbering of physical interrupts: pirq -> Interrupt. For I/O APIC pins pirq == GSI; messages get numbers
/// above the GSIs.
///
/// Life of an entry: free -> mapped (map_*) -> bound (bind: an event channel hears it) -> mapped (unbind) -> free (unmap).
///
/// Every entry is one atomic word that is claimed (state `busy`) while it changes; a second change at the same time gets
/// Errno::ebusy. So no lock of this table is held around the router's, and bind/unbind/move may be called with
/// event_table held.

#include "dev/interrupts.hpp"
#include "mm/heap.hpp"

namespace rf::dev {

class PirqTable {
public:
    /// Pirqs are 0..limit-1.
    static constexpr unsigned limit = 1024;

    explicit PirqTable(PirqSink& sink) : sink_(sink) {}
    /// Gives every interrupt back and waits until no CPU is calling the sink.
    ~PirqTable() { release_all(); }
    PirqTable(PirqTable const&) = delete;
    PirqTable& operator=(PirqTable const&) = delete;

    /// Maps a pin under its own number; a pin that the hypervisor uses can be mapped, but not bound. Errno::einval: no such
    /// GSI; Errno::eexist: mapped already; Errno::enomem.
    [[nodiscard]] Status map_gsi(Gsi gsi);
    /// Maps a message under `wanted`, or any free number above the GSIs when wanted < 0; yields the number.
    /// Errno::einval, Errno::eexist, Errno::enospc, Errno::enomem.
    [[nodiscard]] Result<unsigned> map_message(MsiPlace const& place, std::int32_t wanted, CpuId cpu);
    /// Errno::einval: not mapped; Errno::ebusy: still bound.
    [[nodiscard]] Status unmap(unsigned pirq);
    [[nodiscard]] bool is_mapped(unsigned pirq) const;

    /// EVTCHNOP_bind_pirq: from now on the sink hears it. Errno::einval: not mapped; Errno::eexist: bound; Errno::ebusy;
    /// Errno::enospc.
    [[nodiscard]] Status bind(unsigned pirq, Sharing sharing, CpuId cpu);
    /// EVTCHNOP_close of such a port: the line is masked when nobody else is bound. Unbound numbers are ignored.
    void unbind(unsigned pirq);
    /// EVTCHNOP_bind_vcpu of such a port: deliver to the CPU that the vCPU runs on.
    void move(unsigned pirq, CpuId cpu);
    /// PHYSDEVOP_eoi. Errno::einval: no such number.
    [[nodiscard]] Status end(unsigned pirq);
    struct Handling {
        bool needs_end;
        bool shared;
    };
    /// PHYSDEVOP_irq_status_query. Errno::einval.
    [[nodiscard]] Result<Handling> handling(unsigned pirq) const;

    /// Unbinds and unmaps everything (domain teardown); waits for deliveries under way. Not under event_table.
    void release_all();

private:
    enum class Stage : std::uint32_t { free = 0, busy, mapped, bound };
    /// Entry word: state in bits 0..7, InterruptId above.
    [[nodiscard]] static constexpr std::uint32_t word(Stage state, InterruptId id = {})
    {
        return static_cast<std::uint32_t>(state) | static_cast<std::uint32_t>(id) << 8;
    }
    [[nodiscard]] static constexpr Stage state_of(std::uint32_t word) { return static_cast<Stage>(word & 0xff); }
    [[nodiscard]] static constexpr InterruptId id_of(std::uint32_t word) { return static_cast<InterruptId>(word >> 8); }

    [[nodiscard]] Status ensure_table();
    [[nodiscard]] bool claim(unsigned pirq, std::uint32_t expected);
    void store(unsigned pirq, std::uint32_t value);
    [[nodiscard]] std::uint32_t load(unsigned pirq) const;
    [[nodiscard]] Result<unsigned> claim_free(std::int32_t wanted);

    PirqSink& sink_;
    Spinlock lock_{LockRank::interrupt_routing}; ///< creation of the table only
    mm::Array<std::uint32_t> words_;
    Atomic<std::uint32_t*> table_{nullptr}; ///< words_, once it exists
};

} // namespace rf::dev
