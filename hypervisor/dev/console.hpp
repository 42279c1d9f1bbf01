// SPDX-License-Identifier: MIT
#pragma once
/// The hypervisor's console: the sink of the log, the ring behind `dmesg`, the output of Dom0's hvc0, and serial input.
///
/// Every log line is stamped `(RF) [    1.234567] text`. Dom0's own output passes raw. Input goes to Dom0 unless Ctrl-A was
/// typed three times; then single keys call the hooks below until Ctrl-A three times again.
/// Lock: one lock of rank console around ring and devices; hooks are called without it.

#include "base/log.hpp"
#include "base/types.hpp"
#include "dev/command_line.hpp"

#include <span>
#include <string_view>

namespace rf::dev::console {

/// Installs the log sink and opens the serial lines that the options select. Early boot: needs no memory management.
void initialise(Options const& options);
/// Time stamps come from here once it is set; zeros before.
void set_clock(Nanoseconds (*now)());
/// Serial input and output by interrupt, delivered to `cpu`; needs the interrupt router. False when a UART has no interrupt line:
/// then poll() must be called regularly.
[[nodiscard]] bool enable_input_interrupt(CpuId cpu);
/// Whether a UART is without interrupt. Known after enable_input_interrupt.
[[nodiscard]] bool input_is_polled();
/// Takes waiting input from the UART; cheap; call it every 20 ms or so where the UART has no interrupt.
void poll();

/// Bytes of Dom0 (CONSOLEIO_write): to the devices, not into the ring. Yields how many of them were taken: less than all when a
/// serial line has no room. Whoever gets 0 comes again soon; a line that is dead takes everything in the end.
[[nodiscard]] std::size_t write_control(std::string_view text);
/// Bytes of another domain: assembled to lines, prefixed `(dN) `, limited per domain (64 lines per second).
void write_guest(DomainId id, std::string_view text);
/// Takes input for Dom0 (CONSOLEIO_read); yields the count.
[[nodiscard]] std::size_t read_input(std::span<char> to);

/// Called when there is new input for Dom0: raise VIRQ_CONSOLE.
void set_input_hook(void (*hook)());
/// Called by run_deferred() after lines were added to the ring: raise VIRQ_CON_RING. At most once between two readings.
void set_ring_hook(void (*hook)());
/// Called by run_deferred() while output waits for a serial line: call send() some milliseconds later.
void set_output_hook(void (*hook)());
/// Sends what the serial lines are ready for; true while more waits. Their interrupt does the same: this is for lines that have none.
bool send();
/// Sends everything and waits for it; whoever writes from now on waits, too. For the machine's end.
void flush();
/// Lines are logged with all kinds of locks held, so the hooks wait for cpu::Work::deferred: entry/ calls this then.
void run_deferred();

/// XEN_SYSCTL_readconsole. Reads from the oldest byte, or from `index` when `incremental`; `index` becomes the place
/// where the next incremental read continues. Yields the count; with `clear`, what was read leaves the ring.
enum class ReadMode : std::uint8_t { all, incremental };
[[nodiscard]] std::size_t read_ring(std::uint32_t& index, ReadMode mode, std::span<char> to);
/// Forgets everything up to `index` (a value that read_ring gave).
void clear_ring(std::uint32_t index);

/// A debug key: called with interrupts off from input or from XEN_SYSCTL_debug_keys. The text must live for ever.
void register_key(char key, char const* description, void (*handler)());
/// Presses a key; unknown keys are answered with a hint.
void press_key(char key);

/// Starts writing to the text screen, beginning with what was logged so far. `cells`: a window onto 0xb8000; without
/// `vga` among the selected consoles nothing happens.
void open_screen(std::uint16_t volatile* cells);
/// Dom0's kernel took the screen over: stop writing to VGA unless `vga=keep`.
void leave_screen();
/// Cursor of the text screen, for Dom0's console information.
struct ScreenState {
    bool text_mode;
    std::uint16_t column, row;
};
[[nodiscard]] ScreenState screen();
/// Ports of the UARTs that we use: denied to Dom0. Yields how many of `to` were filled.
[[nodiscard]] std::size_t serial_ports(std::span<std::uint16_t> to);
/// Panic: from now on no lock is taken and lines are synchronous, so that a message always comes out.
void break_locks();

} // namespace rf::dev::console
