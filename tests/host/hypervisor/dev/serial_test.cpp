// SPDX-License-Identifier: MIT
/// Story: a serial line is slow, and may be dead. Early, and at the machine's end, every byte is waited for. In between nobody waits:
/// what the line does not take at once goes out by its interrupt or when somebody looks, in order and complete; what finds no
/// room is lost by whole lines, and the line says so. Dom0 is told to come again, but not for ever.
#include "fake_uart.hpp"

#include "dev/serial.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace rf::dev {
namespace {

struct SerialLine : testing::Test {
    SerialLine()
    {
        SerialSettings settings{};
        settings.enabled = true;
        settings.port = FakeUart::base;
        settings.irq = 4;
        settings.baud = 115200;
        settings.data_bits = 8;
        settings.parity = 'n';
        settings.stop_bits = 1;
        EXPECT_TRUE(serial->open(settings));
    }
    /// What the interrupt's service does, as long as the line is raised.
    void serve_interrupts()
    {
        for (unsigned i = 0; uart.interrupt_line(); ++i) {
            ASSERT_LT(i, 10'000u) << "a storm";
            if (serial->interrupt_pending())
                (void)serial->send();
            serial->rearm_interrupt();
        }
    }
    /// The line sends, FIFO by FIFO, until nothing waits.
    void let_flow()
    {
        for (unsigned i = 0; serial->waits(); ++i) {
            ASSERT_LT(i, 10'000u) << "it stands still";
            uart.take_all();
            serve_interrupts();
        }
        uart.take_all();
        serve_interrupts();
    }
    FakeUart uart;
    std::unique_ptr<Serial> serial = std::make_unique<Serial>();
};

TEST_F(SerialLine, IsSynchronousAtFirst)
{
    uart.empty = false;
    uart.ready_after = 1000;
    serial->put("hello\n");
    EXPECT_EQ(uart.line, "hello\r\n");
    EXPECT_GE(uart.polls, 1000u);
}

TEST_F(SerialLine, NobodyWaitsOnceItIsBuffered)
{
    serial->enable_interrupts();
    serial->begin_buffering();
    uart.empty = false;
    uart.polls = 0;
    std::string sent;
    for (unsigned i = 0; i < 50; ++i) {
        sent += "line " + std::to_string(i) + "\n";
        serial->put_line({"line ", std::to_string(i)});
    }
    EXPECT_EQ(uart.line, "");
    EXPECT_LT(uart.polls, 1000u);
    EXPECT_EQ(uart.interrupts, 3) << "the transmitter is to interrupt";
    let_flow();
    EXPECT_EQ(without_returns(uart.line), sent);
    EXPECT_FALSE(uart.overrun);
    EXPECT_EQ(uart.interrupts, 1) << "nothing waits";
}

TEST_F(SerialLine, AFastLineTakesAllAtOnce)
{
    serial->enable_interrupts();
    serial->begin_buffering();
    uart.drains_at_once = true;
    serial->put_line({"one line"});
    EXPECT_EQ(uart.line, "one line\r\n");
    EXPECT_FALSE(serial->waits());
}

TEST_F(SerialLine, ALongTextIsSentInGoesByEdges)
{
    serial->enable_interrupts();
    serial->begin_buffering();
    uart.empty = false;
    std::string const text(3000, 'x');
    serial->put(text);
    uart.drains_at_once = true;
    uart.take_all(); // one edge: the service must raise the next ones itself
    serve_interrupts();
    EXPECT_EQ(uart.line, text);
}

TEST_F(SerialLine, WithoutAnInterruptATimerSends)
{
    serial->begin_buffering();
    uart.empty = false;
    serial->put_line({"slowly and surely"});
    EXPECT_EQ(uart.interrupts, 0);
    unsigned looks = 0;
    do {
        uart.take_all();
        ++looks;
    } while (serial->send());
    EXPECT_EQ(uart.line, "slowly and surely\r\n");
    EXPECT_EQ(looks, 2u);
}

TEST_F(SerialLine, WholeLinesAreLostAndCounted)
{
    serial->enable_interrupts();
    serial->begin_buffering();
    uart.empty = false;
    constexpr unsigned lines = 1000;
    std::string const line(99, 'y');
    for (unsigned i = 0; i < lines; ++i)
        serial->put_line({line});
    let_flow();
    serial->put_line({"after"});
    let_flow();
    std::string const out = without_returns(uart.line);
    std::string const notice = "(RF) console: the serial line was too slow: ";
    auto const at = out.find(notice);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(at % 100, 0u) << "no line is torn";
    EXPECT_EQ(std::stoull(out.substr(at + notice.size())), (lines - at / 100) * (line.size() + 2)) << "every byte is accounted for";
    EXPECT_TRUE(out.ends_with(" bytes are missing here\nafter\n"));
}

TEST_F(SerialLine, Dom0sTextWaitsAndLeavesRoomForLines)
{
    serial->begin_buffering();
    uart.empty = false;
    std::string sent;
    while (std::size_t const room = serial->room()) {
        std::string const text(std::min<std::size_t>(room, 100), 'z');
        serial->put(text);
        sent += text;
    }
    EXPECT_GT(sent.size(), 2000u);
    serial->put_line({"heard"});
    serial->end_buffering(); // the line is dead: what waits is given up after a while
    uart.polls = 0;
    serial->put("dead\n");
    EXPECT_LT(uart.polls, 100u);
}

TEST_F(SerialLine, ADeadPortTakesEverythingUntilItLives)
{
    serial->begin_buffering();
    uart.empty = false;
    std::uint64_t visits = 0;
    while (serial->room() > 0)
        serial->put("text");
    while (serial->room() == 0) {
        serial->note_patience();
        ASSERT_LT(++visits, 10'000'000u) << "Dom0 waits for ever";
    }
    EXPECT_FALSE(serial->waits()) << "no timer runs for a dead port";
    std::string const text(1000, 't');
    for (unsigned i = 0; i < 100; ++i)
        serial->put(text); // lost
    uart.take_all();
    EXPECT_TRUE(serial->send()) << "it lives";
    uart.drains_at_once = true;
    uart.take_all();
    while (serial->send()) {
    }
    serial->put_line({"again"});
    while (serial->send()) {
    }
    EXPECT_NE(uart.line.find("bytes are missing here"), std::string::npos);
    EXPECT_TRUE(without_returns(uart.line).ends_with("\nagain\n"));
}

TEST_F(SerialLine, TheEndLosesNothing)
{
    serial->enable_interrupts();
    serial->begin_buffering();
    uart.empty = false;
    serial->put_line({"before the end"});
    uart.ready_after = 5000;
    uart.drains_at_once = true;
    serial->end_buffering();
    EXPECT_EQ(uart.line, "before the end\r\n");
    serial->put_line({"PANIC"});
    EXPECT_EQ(uart.line, "before the end\r\nPANIC\r\n");
}

} // namespace
} // namespace rf::dev
