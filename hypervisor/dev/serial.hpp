// SPDX-License-Identifier: MIT
#pragma once
/// A 16550 UART by port I/O. Output is polled, with bounded waiting: a port that does not take bytes loses them instead of
/// stopping the machine. Not locked: the console's lock covers it. Source: National Semiconductor PC16550D data sheet.

#include "dev/command_line.hpp"

namespace rf::dev {

class Serial {
public:
    constexpr Serial() = default;

    /// Sets line parameters and FIFOs; false when no UART answers there.
    [[nodiscard]] bool open(SerialSettings const& settings);
    [[nodiscard]] bool is_open() const { return port_ != 0; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::uint8_t irq() const { return irq_; }

    /// Writes text; a line feed is preceded by a carriage return unless the text has one.
    void put(std::string_view text);
    /// A received byte, if there is one.
    [[nodiscard]] std::optional<char> get();
    /// From now on the UART raises its interrupt when bytes arrive.
    void enable_receive_interrupt();
    /// True while the UART still asks for service; reading its identification also acknowledges some causes.
    [[nodiscard]] bool interrupt_pending();

private:
    void put_byte(char c);
    [[nodiscard]] std::uint8_t read(unsigned index) const;
    void write(unsigned index, std::uint8_t value) const;

    std::uint16_t port_ = 0;
    std::uint8_t irq_ = 0;
    bool has_fifo_ = false;
    bool stuck_ = false;          ///< the last wait ran out: do not wait again until it takes a byte
    unsigned fifo_room_ = 0;      ///< bytes that fit without asking again
    char last_ = 0;
};

} // namespace rf::dev
