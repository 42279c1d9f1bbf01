// SPDX-License-Identifier: MIT
#pragma once
/// A 16550 UART by port I/O. Not locked: the console's lock covers it. Source: National Semiconductor PC16550D data sheet.
///
/// Output begins synchronous: each byte waits for the transmitter, within bounds; a port that does not take bytes loses them instead
/// of stopping the machine. Once buffered, nobody waits: bytes go into a ring, and from there to the UART whenever it is ready
/// and somebody looks: a writer, the transmit interrupt, or a timer. Whole lines that find no room are lost, and a later
/// line says how many bytes they were; who writes with put asks for room() first.

#include "dev/command_line.hpp"
#include "dev/transmit_ring.hpp"

#include <initializer_list>

namespace rf::dev {

class Serial {
public:
    constexpr Serial() = default;

    /// Sets line parameters and FIFOs; false when no UART answers there.
    [[nodiscard]] bool open(SerialSettings const& settings);
    [[nodiscard]] bool is_open() const { return port_ != 0; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::uint8_t irq() const { return irq_; }

    /// Writes text; a line feed is preceded by a carriage return unless the text has one. What finds no room is lost.
    void put(std::string_view text);
    /// Writes one line, given in parts without its end, or none of it. Never waits once buffered.
    void put_line(std::initializer_list<std::string_view> parts);
    /// Bytes of text that put takes for certain. A part of the ring is kept for put_line. A port that is dead takes everything.
    [[nodiscard]] std::size_t room() const;
    /// Somebody found no room and came again: after a while without a byte taken the port counts as dead, until it takes one.
    void note_patience();

    /// From now on writers do not wait.
    void begin_buffering() { buffered_ = is_open(); }
    /// Sends what waits, and is synchronous from now on.
    void end_buffering();
    /// Hands waiting bytes to the UART as long as it is ready, a bounded number. True while more wait for a port that is alive.
    bool send();
    [[nodiscard]] bool waits() const { return !ring_.empty() && !stuck_; }

    /// A received byte, if there is one.
    [[nodiscard]] std::optional<char> get();
    /// From now on the UART raises its interrupt when bytes arrive, and when it is ready for more while some wait.
    void enable_interrupts();
    /// Reads the causes of the interrupt; with that some are acknowledged. True while there is one.
    [[nodiscard]] bool interrupt_pending();
    /// After service: takes the line down and up again if a cause is left, so that an edge is seen.
    void rearm_interrupt();

private:
    void put_byte(char c);
    void put_byte_and_wait(char c);
    void put_raw(std::string_view text);
    void tell_losses();
    [[nodiscard]] bool is_ready();
    void choose_interrupts();
    [[nodiscard]] std::uint8_t read(unsigned index) const;
    void write(unsigned index, std::uint8_t value) const;

    std::uint16_t port_ = 0;
    std::uint8_t irq_ = 0;
    std::uint8_t enabled_interrupts_ = 0;
    bool has_interrupt_ = false;
    bool has_fifo_ = false;
    bool buffered_ = false;
    bool stuck_ = false;          ///< patience ran out: nobody waits again until it takes a byte
    unsigned fifo_room_ = 0;      ///< bytes that fit without asking again
    unsigned patience_used_ = 0;  ///< by writers, since it took a byte
    std::uint64_t lost_ = 0;      ///< bytes not told of yet
    char last_ = 0;
    TransmitRing ring_;
};

} // namespace rf::dev
