// SPDX-License-Identifier: MIT
#pragma once
/// Private to the console: between its output half (console.cpp, owner of the UARTs) and its input half
/// (console_input.cpp).

#include "dev/console.hpp"
#include "dev/serial.hpp"

namespace rf::dev::console::input {

// In console_input.cpp.
void configure(Options const& options);

// In console.cpp, which locks.
/// A received byte of any UART.
[[nodiscard]] std::optional<char> next_byte();
/// Sends what waits and reads the UARTs' interrupt causes; true while one still asks for service.
bool acknowledge();
/// Lets the UARTs' lines rise again if a cause is left.
void rearm();
/// Calls function for each open UART; not locked, for setting up.
void for_each_line(void (*function)(Serial&));

} // namespace rf::dev::console::input
