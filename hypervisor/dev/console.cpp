// SPDX-License-Identifier: MIT
#include "dev/console.hpp"

#include "base/spinlock.hpp"
#include "cpu/current.hpp"
#include "dev/console_input.hpp"
#include "dev/guest_lines.hpp"
#include "dev/log_ring.hpp"
#include "dev/serial.hpp"
#include "dev/text_screen.hpp"
#include "dev/time_stamp.hpp"

namespace rf::dev::console {
namespace {

constexpr std::uint32_t ring_bytes = 32 * 1024;

/// Everything under the console's lock.
struct Devices {
    LogRing<ring_bytes> ring;
    Serial com1, com2;
    TextScreen screen;
    GuestLines guest_lines;
    bool control_line_open = false; ///< Dom0's last output did not end its line
};

constinit Spinlock lock{LockRank::console};
constinit Devices devices;
constinit Atomic<bool> locks_broken{false};
using Clock = Nanoseconds (*)();
using Hook = void (*)();
constinit Clock system_clock = nullptr;
constinit Hook ring_hook = nullptr;
constinit Hook output_hook = nullptr;
constinit Atomic<bool> output_waits{false}; ///< bytes were left in a line's ring, and nobody was told
constinit Atomic<bool> ring_news{false}; ///< lines were added since the last reading
constinit bool timestamps = true;
constinit bool log_nothing = false;
constinit bool screen_wanted = false;
constinit bool screen_kept = false;

/// The console's lock, or nothing once a panic broke it.
class ConsoleGuard {
public:
    ConsoleGuard() : taken_(!locks_broken.load(acquire))
    {
        if (taken_)
            lock.lock();
    }
    ~ConsoleGuard()
    {
        if (taken_ && !locks_broken.load(acquire))
            lock.unlock();
    }
    ConsoleGuard(ConsoleGuard const&) = delete;
    ConsoleGuard& operator=(ConsoleGuard const&) = delete;

private:
    bool taken_;
};

/// Under the lock, after something was written.
void note_waiting()
{
    if (output_hook && (devices.com1.waits() || devices.com2.waits()) && !output_waits.exchange(true, acq_rel))
        cpu::raise(cpu::Work::deferred);
}

void put_everywhere(std::string_view text)
{
    devices.com1.put(text);
    devices.com2.put(text);
    devices.screen.put(text);
    note_waiting();
}

void note_news()
{
    if (!ring_hook || ring_news.exchange(true, acq_rel))
        return;
    cpu::raise(cpu::Work::deferred);
}

/// One whole line, under the lock.
void put_line(std::string_view line)
{
    TimeStamp const stamp(system_clock ? system_clock() : 0, timestamps);
    std::string_view const before = std::exchange(devices.control_line_open, false) ? "\r\n" : "";
    for (Serial* serial : {&devices.com1, &devices.com2})
        serial->put_line({before, stamp.text(), line});
    devices.screen.put(before);
    for (std::string_view const part : {stamp.text(), line, std::string_view("\n")}) {
        devices.ring.put(part);
        devices.screen.put(part);
    }
    note_waiting();
}

void log_sink(log::Level, std::string_view line)
{
    if (log_nothing)
        return;
    {
        ConsoleGuard guard;
        put_line(line);
    }
    note_news();
}

void open_serial(Serial& serial, SerialSettings const& settings, bool selected)
{
    if (settings.enabled && selected && !serial.open(settings))
        log::warning("console: no UART answers at port ", log::Hex{settings.port});
}

} // namespace

void initialise(Options const& options)
{
    timestamps = options.timestamps;
    log_nothing = options.log_nothing;
    screen_wanted = options.console.vga && !options.console.none;
    screen_kept = options.vga_keep;
    log::set_threshold(options.log_level);
    log::set_sink(log_sink);
    bool const any = !options.console.none;
    open_serial(devices.com1, options.com1, any && options.console.com1);
    open_serial(devices.com2, options.com2, any && options.console.com2);
    input::configure(options);
}

void set_clock(Nanoseconds (*now)()) { system_clock = now; }

std::size_t write_control(std::string_view text)
{
    ConsoleGuard guard;
    for (Serial* serial : {&devices.com1, &devices.com2}) {
        (void)serial->send();
        if (serial->room() == 0)
            serial->note_patience();
        text = text.substr(0, serial->room());
    }
    if (text.empty())
        return 0;
    put_everywhere(text);
    devices.control_line_open = text.back() != '\n' && text.back() != '\r';
    return text.size();
}

void write_guest(DomainId id, std::string_view text)
{
    {
        ConsoleGuard guard;
        devices.guest_lines.put(id, text, system_clock ? system_clock() : 0, [](DomainId speaker, std::string_view line) {
            log::Line whole;
            whole.put('(');
            whole.put(speaker);
            whole.put(") ");
            whole.put(line);
            put_line(whole.text());
        });
    }
    note_news();
}

void set_ring_hook(void (*hook)()) { ring_hook = hook; }

void set_output_hook(void (*hook)()) { output_hook = hook; }

bool send()
{
    ConsoleGuard guard;
    bool const first = devices.com1.send();
    return devices.com2.send() || first;
}

void flush()
{
    ConsoleGuard guard;
    devices.com1.end_buffering();
    devices.com2.end_buffering();
}

void run_deferred()
{
    if (output_hook && output_waits.exchange(false, acq_rel))
        output_hook();
    if (ring_hook && ring_news.load(acquire))
        ring_hook();
}

std::size_t read_ring(std::uint32_t& index, ReadMode mode, std::span<char> to)
{
    ConsoleGuard guard;
    ring_news.store(false, release);
    if (mode == ReadMode::all)
        index = devices.ring.oldest();
    return devices.ring.read(index, to);
}

void clear_ring(std::uint32_t index)
{
    ConsoleGuard guard;
    devices.ring.clear_before(index);
}

void open_screen(std::uint16_t volatile* cells)
{
    if (!screen_wanted || !cells)
        return;
    ConsoleGuard guard;
    devices.screen.open(cells);
    std::uint32_t place = devices.ring.oldest();
    std::array<char, 256> chunk;
    while (std::size_t const count = devices.ring.read(place, chunk))
        devices.screen.put({chunk.data(), count});
}

void leave_screen()
{
    ConsoleGuard guard;
    if (!screen_kept)
        devices.screen.close();
}

ScreenState screen()
{
    ConsoleGuard guard;
    return {.text_mode = devices.screen.is_open(),
            .column = static_cast<std::uint16_t>(devices.screen.column()),
            .row = static_cast<std::uint16_t>(devices.screen.row())};
}

std::size_t serial_ports(std::span<std::uint16_t> to)
{
    std::size_t count = 0;
    for (Serial const* serial : {&devices.com1, &devices.com2})
        if (serial->is_open() && count < to.size())
            to[count++] = serial->port();
    return count;
}

void break_locks()
{
    locks_broken.store(true, release);
    flush();
}

namespace input {

std::optional<char> next_byte()
{
    ConsoleGuard guard;
    if (auto const c = devices.com1.get())
        return c;
    return devices.com2.get();
}

bool acknowledge()
{
    ConsoleGuard guard;
    bool pending = false;
    for (Serial* serial : {&devices.com1, &devices.com2})
        if (serial->interrupt_pending()) {
            pending = true;
            (void)serial->send();
        }
    return pending;
}

void rearm()
{
    ConsoleGuard guard;
    devices.com1.rearm_interrupt();
    devices.com2.rearm_interrupt();
}

void for_each_line(void (*function)(Serial&))
{
    for (Serial* serial : {&devices.com1, &devices.com2})
        if (serial->is_open())
            function(*serial);
}

} // namespace input
} // namespace rf::dev::console
