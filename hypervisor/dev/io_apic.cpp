// SPDX-License-Identifier: MIT
#include "dev/io_apic.hpp"

namespace rf::dev {
namespace {

constexpr std::uint8_t register_id = 0;
constexpr std::uint8_t register_version = 1;
constexpr std::uint8_t register_arbitration = 2;
constexpr std::uint8_t first_redirection = 0x10;
constexpr unsigned most_pins = (0x100 - first_redirection) / 2;

constexpr std::uint8_t low_word(unsigned pin) { return static_cast<std::uint8_t>(first_redirection + pin * 2); }
constexpr std::uint8_t high_word(unsigned pin) { return static_cast<std::uint8_t>(low_word(pin) + 1); }

} // namespace

void IoApic::attach(IoApicRegisters& registers, acpi::IoApicEntry const& entry)
{
    registers_ = &registers;
    address_ = entry.address;
    first_gsi_ = entry.first_gsi;
    // Bits 16..23 hold the number of the highest pin; a missing controller reads as all ones.
    unsigned const pins = (registers_->read(register_version) >> 16 & 0xff) + 1;
    pins_ = pins <= most_pins ? pins : 0;
    for (unsigned pin = 0; pin < pins_; ++pin)
        program(pin, {});
}

void IoApic::program(unsigned pin, RedirectionEntry const& entry)
{
    registers_->write(low_word(pin), entry.low() | RedirectionEntry::mask_bit);
    registers_->write(high_word(pin), entry.high());
    if (!entry.masked)
        registers_->write(low_word(pin), entry.low());
}

void IoApic::redirect(unsigned pin, std::uint8_t destination)
{
    registers_->write(high_word(pin), static_cast<std::uint32_t>(destination) << 24);
}

void IoApic::set_mask(unsigned pin, bool masked)
{
    std::uint32_t const low = registers_->read(low_word(pin));
    std::uint32_t const wanted = masked ? low | RedirectionEntry::mask_bit : low & ~RedirectionEntry::mask_bit;
    if (wanted != low)
        registers_->write(low_word(pin), wanted);
    if (masked)
        (void)registers_->read(low_word(pin)); // the write has arrived when the read answers
}

bool IoApic::in_service(unsigned pin)
{
    constexpr std::uint32_t busy = RedirectionEntry::remote_irr_bit | RedirectionEntry::delivery_pending_bit;
    return (registers_->read(low_word(pin)) & busy) != 0;
}

Result<std::uint32_t> IoApic::guest_read(std::uint32_t index)
{
    if (index == register_id || index == register_version || index == register_arbitration)
        return registers_->read(static_cast<std::uint8_t>(index));
    if (index < first_redirection || index >= first_redirection + pins_ * 2)
        return fail(Errno::einval);
    // Routing is ours: the guest sees every pin masked and without a vector.
    return index % 2 == 0 ? RedirectionEntry{}.low() : RedirectionEntry{}.high();
}

} // namespace rf::dev
