// SPDX-License-Identifier: MIT
#include "dev/serial.hpp"

#include "cpu/insn.hpp"

namespace rf::dev {
namespace {

constexpr unsigned data = 0;              // divisor low while the latch is open
constexpr unsigned interrupt_enable = 1;  // divisor high while the latch is open
constexpr unsigned interrupt_identification = 2;
constexpr unsigned fifo_control = 2;
constexpr unsigned line_control = 3;
constexpr unsigned modem_control = 4;
constexpr unsigned line_status = 5;
constexpr unsigned scratch = 7;

constexpr std::uint8_t receive_interrupt = 0x01;
constexpr std::uint8_t no_interrupt = 0x01;
constexpr std::uint8_t fifos_on = 0xc0;
constexpr std::uint8_t fifos_enable_and_clear = 0x07;
constexpr std::uint8_t divisor_latch = 0x80;
constexpr std::uint8_t terminal_ready_request_interrupt_out = 0x0b;
constexpr std::uint8_t data_ready = 0x01;
constexpr std::uint8_t transmitter_empty = 0x20;

constexpr unsigned fifo_bytes = 16;
constexpr std::uint32_t clock_baud = 115200;
/// A full FIFO drains within 2 ms at 115200 and 150 ms at 1200 baud, but an emulated port stands still as long as its host has
/// no time for it; one status reading takes about a microsecond. A port that is dead costs this once.
constexpr unsigned most_polls = 2'000'000;

std::uint8_t line_format(SerialSettings const& settings)
{
    std::uint8_t parity = 0;
    switch (settings.parity) {
    case 'o': parity = 0x08; break;
    case 'e': parity = 0x18; break;
    case 'm': parity = 0x28; break;
    case 's': parity = 0x38; break;
    default: break;
    }
    return static_cast<std::uint8_t>((settings.data_bits - 5) | (settings.stop_bits == 2 ? 0x04 : 0) | parity);
}

} // namespace

std::uint8_t Serial::read(unsigned index) const { return cpu::in8(static_cast<std::uint16_t>(port_ + index)); }
void Serial::write(unsigned index, std::uint8_t value) const
{
    cpu::out8(static_cast<std::uint16_t>(port_ + index), value);
}

bool Serial::open(SerialSettings const& settings)
{
    port_ = settings.port;
    irq_ = settings.irq;
    write(scratch, 0x5a);
    bool const answers = read(scratch) == 0x5a && read(line_status) != 0xff;
    if (!answers) {
        port_ = 0;
        return false;
    }
    write(interrupt_enable, 0);
    if (settings.baud) {
        std::uint32_t const divisor = clock_baud / settings.baud;
        write(line_control, divisor_latch);
        write(data, static_cast<std::uint8_t>(divisor));
        write(interrupt_enable, static_cast<std::uint8_t>(divisor >> 8));
    }
    write(line_control, line_format(settings));
    write(fifo_control, fifos_enable_and_clear);
    has_fifo_ = (read(interrupt_identification) & fifos_on) == fifos_on;
    write(modem_control, terminal_ready_request_interrupt_out);
    return true;
}

void Serial::put_byte(char c)
{
    if (fifo_room_ == 0) {
        unsigned polls = stuck_ ? 1 : most_polls;
        while (!(read(line_status) & transmitter_empty))
            if (--polls == 0) {
                stuck_ = true;
                return;
            }
        stuck_ = false;
        fifo_room_ = has_fifo_ ? fifo_bytes : 1;
    }
    --fifo_room_;
    write(data, static_cast<std::uint8_t>(c));
}

void Serial::put(std::string_view text)
{
    if (!is_open())
        return;
    for (char const c : text) {
        if (c == '\n' && last_ != '\r')
            put_byte('\r');
        put_byte(c);
        last_ = c;
    }
}

std::optional<char> Serial::get()
{
    if (!is_open() || !(read(line_status) & data_ready))
        return std::nullopt;
    return static_cast<char>(read(data));
}

void Serial::enable_receive_interrupt()
{
    if (is_open())
        write(interrupt_enable, receive_interrupt);
}

bool Serial::interrupt_pending() { return is_open() && !(read(interrupt_identification) & no_interrupt); }

} // namespace rf::dev
