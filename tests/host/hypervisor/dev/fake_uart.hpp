// SPDX-License-Identifier: MIT
#pragma once
/// A 16550 at COM1 that takes bytes only when the test lets it, and raises its interrupt line as the data sheet says.

#include "cpu/insn.hpp"

#include <string>
#include <string_view>

namespace rf::dev {

class FakeUart final : public cpu::PortBus {
public:
    static constexpr std::uint16_t base = 0x3f8;
    FakeUart() { cpu::fake_ports = this; }
    ~FakeUart() override { cpu::fake_ports = nullptr; }
    FakeUart(FakeUart const&) = delete;
    FakeUart& operator=(FakeUart const&) = delete;

    std::uint32_t in(std::uint16_t port, unsigned) override
    {
        switch (port - base) {
        case 0: {
            if (waiting.empty())
                return 0;
            char const next = waiting.front();
            waiting.erase(0, 1);
            return static_cast<std::uint8_t>(next);
        }
        case 2: {
            bool const asks = transmit_pending;
            transmit_pending = false; // reading acknowledges
            return 0xc0 | (asks ? 0x02 : 0x01);
        }
        case 5:
            ++polls;
            if (ready_after > 0 && --ready_after == 0)
                empty = true;
            return (empty ? 0x60u : 0u) | (waiting.empty() ? 0u : 1u);
        case 7: return scratch;
        default: return 0;
        }
    }
    void out(std::uint16_t port, unsigned, std::uint32_t value) override
    {
        switch (port - base) {
        case 0:
            if (latch_open)
                return;
            line += static_cast<char>(value);
            if (++in_fifo > 16)
                overrun = true;
            transmit_pending = false;
            empty = false;
            if (drains_at_once)
                take_all();
            return;
        case 1:
            if (latch_open)
                return;
            if (value & 2 && !(interrupts & 2) && empty)
                transmit_pending = true;
            if (!(value & 2))
                transmit_pending = false;
            interrupts = static_cast<std::uint8_t>(value);
            return;
        case 3: latch_open = value & 0x80; return;
        case 7: scratch = value; return;
        default: return;
        }
    }
    /// The line has sent what the FIFO held.
    void take_all()
    {
        in_fifo = 0;
        empty = true;
        if (interrupts & 2)
            transmit_pending = true;
    }
    /// Characters arrive.
    void type(std::string_view text) { waiting += text; }
    [[nodiscard]] bool interrupt_line() const { return transmit_pending; }

    std::string line;           ///< what came out
    bool drains_at_once = false;
    bool empty = true;          ///< the transmitter
    unsigned ready_after = 0;   ///< readings of the status until it is empty
    std::uint64_t polls = 0;
    bool overrun = false;
    std::uint8_t interrupts = 0;

private:
    bool latch_open = false;
    bool transmit_pending = false;
    unsigned in_fifo = 0;
    std::uint32_t scratch = 0;
    std::string waiting;
};

inline std::string without_returns(std::string text)
{
    std::erase(text, '\r');
    return text;
}

} // namespace rf::dev
