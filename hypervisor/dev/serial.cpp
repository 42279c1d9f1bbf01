// SPDX-License-Identifier: MIT
#include "dev/serial.hpp"

#include "base/log.hpp"
#include "cpu/insn.hpp"

#include <utility>

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
constexpr std::uint8_t transmit_interrupt = 0x02;
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
/// The same for writers that come again, which takes each at least a microsecond, more in an emulator.
constexpr unsigned most_patience = 300'000;
/// Bytes handed over in one go: few enough not to keep the CPU, more than a line.
constexpr unsigned bytes_per_go = 256;
/// Of the ring, what only whole lines may fill.
constexpr std::size_t kept_for_lines = TransmitRing::capacity / 2;
/// Less room than this is none: writers would come again for every byte.
constexpr std::size_t least_room = 64;

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

bool Serial::is_ready()
{
    if (fifo_room_ > 0)
        return true;
    if (!(read(line_status) & transmitter_empty))
        return false;
    fifo_room_ = has_fifo_ ? fifo_bytes : 1;
    patience_used_ = 0;
    stuck_ = false;
    return true;
}

void Serial::put_byte_and_wait(char c)
{
    for (unsigned polls = stuck_ ? 1 : most_polls; !is_ready();)
        if (--polls == 0) {
            stuck_ = true;
            return;
        }
    --fifo_room_;
    write(data, static_cast<std::uint8_t>(c));
}

void Serial::put_byte(char c)
{
    if (!buffered_)
        put_byte_and_wait(c);
    else if (ring_.room() > 0)
        ring_.put(c);
    else
        ++lost_;
}

void Serial::put(std::string_view text)
{
    if (!is_open())
        return;
    tell_losses();
    for (char const c : text) {
        if (c == '\n' && last_ != '\r')
            put_byte('\r');
        put_byte(c);
        last_ = c;
    }
    (void)send();
}

void Serial::put_line(std::initializer_list<std::string_view> parts)
{
    if (!is_open())
        return;
    constexpr std::string_view end = "\r\n";
    std::size_t bytes = end.size();
    for (std::string_view const part : parts)
        bytes += part.size();
    (void)send();
    tell_losses();
    if (buffered_ && (lost_ > 0 || ring_.room() < bytes)) {
        lost_ += bytes;
        return;
    }
    for (std::string_view const part : parts)
        put_raw(part);
    put_raw(end);
    last_ = '\n';
    (void)send();
}

/// Text for which there is room, as it is.
void Serial::put_raw(std::string_view text)
{
    if (buffered_)
        return ring_.put(text);
    for (char const c : text)
        put_byte_and_wait(c);
}

/// One line where lines are missing, as soon as there is room for it.
void Serial::tell_losses()
{
    if (lost_ == 0 || ring_.room() < kept_for_lines / 2)
        return;
    log::Line line;
    line.put(last_ == '\n' ? "" : "\n");
    line.put("(RF) console: the serial line was too slow: ");
    line.put(std::exchange(lost_, 0));
    line.put(" bytes are missing here\n");
    put(line.text());
}

std::size_t Serial::room() const
{
    std::size_t const free = ring_.room();
    if (!is_open() || !buffered_ || stuck_)
        return ~std::size_t{0};
    return free >= kept_for_lines + 2 * least_room ? (free - kept_for_lines) / 2 : 0;
}

void Serial::note_patience()
{
    if (is_open() && buffered_ && ++patience_used_ >= most_patience)
        stuck_ = true;
}

bool Serial::send()
{
    if (!buffered_)
        return false;
    for (unsigned sent = 0; !ring_.empty() && sent < bytes_per_go && is_ready();) {
        std::string_view const piece = ring_.take(fifo_room_);
        cpu::out8_each(static_cast<std::uint16_t>(port_ + data), piece.data(), piece.size());
        fifo_room_ -= static_cast<unsigned>(piece.size());
        sent += static_cast<unsigned>(piece.size());
    }
    choose_interrupts();
    return waits();
}

void Serial::end_buffering()
{
    if (!buffered_)
        return;
    buffered_ = false;
    while (!ring_.empty())
        put_raw(ring_.take(fifo_bytes));
    tell_losses();
    choose_interrupts();
}

std::optional<char> Serial::get()
{
    if (!is_open() || !(read(line_status) & data_ready))
        return std::nullopt;
    return static_cast<char>(read(data));
}

void Serial::enable_interrupts()
{
    has_interrupt_ = is_open();
    choose_interrupts();
}

/// The transmitter interrupts only while bytes wait for it.
void Serial::choose_interrupts()
{
    if (!has_interrupt_)
        return;
    auto const wanted = static_cast<std::uint8_t>(receive_interrupt | (ring_.empty() ? 0 : transmit_interrupt));
    if (wanted != std::exchange(enabled_interrupts_, wanted))
        write(interrupt_enable, wanted);
}

bool Serial::interrupt_pending() { return is_open() && !(read(interrupt_identification) & no_interrupt); }

void Serial::rearm_interrupt()
{
    if (!has_interrupt_)
        return;
    write(interrupt_enable, 0);
    write(interrupt_enable, enabled_interrupts_);
}

} // namespace rf::dev
