// SPDX-License-Identifier: MIT
// console_io over a serial line that stands still. Dom0's text comes out whole and in order, however slow the line is; its call
// is continued meanwhile and ends even if the line is dead. Other domains, where they may speak at all, never wait.
#include "world.hpp"

#include "../dev/fake_uart.hpp"
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "xen/console.h"

#include <memory>
#include <string>

namespace rf::hypercall_tests {
namespace {

class ConsoleIo : public World {
protected:
    ConsoleIo()
    {
        dev::options.console = {.com1 = true, .vga = false};
        dev::options.com1 = {};
        dev::options.com1.enabled = true;
        dev::options.com1.port = dev::FakeUart::base;
        dev::options.com1.baud = 115200;
        dev::options.com1.data_bits = 8;
        dev::options.com1.stop_bits = 1;
        dev::options.timestamps = false;
        [[maybe_unused]] static bool const once = [] {
            dev::console::initialise(dev::options);
            return dev::console::enable_input_interrupt(0);
        }();
        let_flow(); // what an earlier test left
        uart.line.clear();
        uart.drains_at_once = false;
        uart.empty = false;
    }
    ~ConsoleIo() override
    {
        let_flow();
        log::set_sink(nullptr);
    }
    void let_flow()
    {
        uart.drains_at_once = true;
        uart.take_all();
        while (dev::console::send()) {
        }
    }
    Segment write(std::uint64_t address, std::uint64_t count)
    {
        return once(hypercall::console_io, {xen::CONSOLEIO_write, count, address});
    }
    dev::FakeUart uart;
};

TEST_F(ConsoleIo, Dom0sTextComesOutWholeHoweverSlowTheLine)
{
    std::string text;
    for (unsigned i = 0; text.size() < 40'000; ++i)
        text += "Dom0 says line " + std::to_string(i) + "\n";
    hypercall::Arguments arguments{xen::CONSOLEIO_write, text.size(), address(text.data())};
    unsigned segments = 0, refused = 0;
    for (;; ++segments) {
        std::uint64_t const polls = uart.polls;
        auto const outcome = once(hypercall::console_io, arguments);
        EXPECT_LT(uart.polls - polls, 64u) << "a segment waits for the line";
        if (!outcome.is_again()) {
            EXPECT_EQ(outcome.result(), 0);
            break;
        }
        refused += outcome.next_arguments()[1] == arguments[1];
        arguments = outcome.next_arguments();
        if (segments % 3 == 0)
            uart.take_all();
        ASSERT_LT(segments, 100'000u);
    }
    EXPECT_GT(refused, 0u) << "the ring was never full";
    let_flow();
    EXPECT_EQ(dev::without_returns(uart.line), text);
    EXPECT_FALSE(uart.overrun);
}

TEST_F(ConsoleIo, ADeadLineDoesNotKeepDom0ForEver)
{
    std::string const text(20'000, 'x');
    hypercall::Arguments arguments{xen::CONSOLEIO_write, text.size(), address(text.data())};
    for (unsigned segments = 0;; ++segments) {
        ASSERT_LT(segments, 1'000'000u);
        auto const outcome = once(hypercall::console_io, arguments);
        if (!outcome.is_again()) {
            EXPECT_EQ(outcome.result(), 0);
            break;
        }
        arguments = outcome.next_arguments();
    }
}

TEST_F(ConsoleIo, GuestsNeverWaitAndSayFewLinesAtOnce)
{
    caller = guest;
    std::string const text(200, '\n');
    EXPECT_EQ(write(address(text.data()), text.size()).result(), to_guest(Errno::eperm));
    dev::options.guest_log_level = log::Level::debug;
    auto const outcome = write(address(text.data()), text.size());
    EXPECT_TRUE(outcome.is_again());
    EXPECT_EQ(outcome.next_arguments()[1], 196u);
    std::string const lines = "one\ntwo\nend";
    auto const last = write(address(lines.data()), lines.size());
    EXPECT_FALSE(last.is_again());
    EXPECT_EQ(last.result(), 0);
    EXPECT_FALSE(write(address(lines.data()), 0).is_again());
    let_flow();
    EXPECT_NE(uart.line.find("(RF) (d9) two\r\n"), std::string::npos);
    dev::options.guest_log_level = log::Level::warning;
}

TEST_F(ConsoleIo, WhatIsTypedIsDom0sAlone)
{
    std::array<char, 16> typed{};
    auto const read = [&](std::uint64_t count, std::uint64_t at) {
        return once(hypercall::console_io, {xen::CONSOLEIO_read, count, at}).result();
    };
    EXPECT_EQ(read(typed.size(), address(typed.data())), 0) << "nobody typed";
    EXPECT_EQ(read(1u << 31, address(typed.data())), to_guest(Errno::einval));
    uart.type("ls");
    ASSERT_TRUE(dev::console::input_is_polled());
    dev::console::poll();
    EXPECT_EQ(read(1, address(typed.data())), 1);
    EXPECT_EQ(read(typed.size(), address(typed.data() + 1)), 1);
    EXPECT_EQ(std::string_view(typed.data(), 3), std::string_view("ls\0", 3));
    EXPECT_EQ(once(hypercall::console_io, {7, 0, 0}).result(), to_guest(Errno::enosys));
    EXPECT_EQ(write(address(typed.data()), 1u << 31).result(), to_guest(Errno::einval));
    caller = guest;
    EXPECT_EQ(read(typed.size(), address(typed.data())), to_guest(Errno::eperm));
}

} // namespace
} // namespace rf::hypercall_tests
