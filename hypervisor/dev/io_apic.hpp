// SPDX-License-Identifier: MIT
#pragma once
/// I/O APICs: an index/data register pair in memory, one redirection entry per pin.
/// Not locked: room dev/'s InterruptRouter calls it under its own lock. Source: Intel 82093AA data sheet.

#include "base/result.hpp"
#include "dev/acpi.hpp"

#include <cstdint>

namespace rf::dev {

/// A redirection table entry, physical destination mode, fixed delivery.
struct RedirectionEntry {
    std::uint8_t vector = 0;
    Trigger trigger = Trigger::edge;
    Polarity polarity = Polarity::high;
    bool masked = true;
    std::uint8_t destination = 0; ///< APIC id

    [[nodiscard]] constexpr std::uint32_t low() const
    {
        return vector | (polarity == Polarity::low ? polarity_bit : 0) | (trigger == Trigger::level ? level_bit : 0)
             | (masked ? mask_bit : 0);
    }
    [[nodiscard]] constexpr std::uint32_t high() const { return static_cast<std::uint32_t>(destination) << 24; }

    static constexpr std::uint32_t delivery_pending_bit = 1u << 12;
    static constexpr std::uint32_t polarity_bit = 1u << 13;
    static constexpr std::uint32_t remote_irr_bit = 1u << 14;
    static constexpr std::uint32_t level_bit = 1u << 15;
    static constexpr std::uint32_t mask_bit = 1u << 16;
};

/// Register access of one I/O APIC; a device window on the machine, an array in tests.
class IoApicRegisters {
public:
    [[nodiscard]] virtual std::uint32_t read(std::uint8_t index) = 0;
    virtual void write(std::uint8_t index, std::uint32_t value) = 0;

protected:
    ~IoApicRegisters() = default;
};

class IoApic {
public:
    constexpr IoApic() = default;
    /// Takes the controller over: all pins masked.
    void attach(IoApicRegisters& registers, acpi::IoApicEntry const& entry);

    [[nodiscard]] unsigned pins() const { return pins_; }
    [[nodiscard]] Gsi first_gsi() const { return first_gsi_; }
    [[nodiscard]] std::uint64_t address() const { return address_; }
    [[nodiscard]] bool serves(Gsi gsi) const { return gsi >= first_gsi_ && gsi - first_gsi_ < pins_; }

    /// Writes an entry. While both words change, the pin stays masked.
    void program(unsigned pin, RedirectionEntry const& entry);
    /// Changes only the destination; the pin stays open and no edge can be lost.
    void redirect(unsigned pin, std::uint8_t destination);
    void set_mask(unsigned pin, bool masked);
    /// Level interrupt accepted by a processor and not yet ended.
    [[nodiscard]] bool in_service(unsigned pin);
    /// What PHYSDEVOP_apic_read shows: identification, version, arbitration; redirection entries read as masked.
    [[nodiscard]] Result<std::uint32_t> guest_read(std::uint32_t index);

private:
    IoApicRegisters* registers_ = nullptr;
    std::uint64_t address_ = 0;
    Gsi first_gsi_ = 0;
    unsigned pins_ = 0;
};

} // namespace rf::dev
