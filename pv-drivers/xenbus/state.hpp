// SPDX-License-Identifier: MIT
#pragma once
/// The state that each half of a device shows the other (numbers: guest-abi/io/xenbus.h).

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/xenbus.h"

namespace rf::xenbus {

enum class State : std::uint8_t {
    unknown = ::xen::XenbusStateUnknown,
    initialising = ::xen::XenbusStateInitialising,
    init_wait = ::xen::XenbusStateInitWait,
    initialised = ::xen::XenbusStateInitialised,
    connected = ::xen::XenbusStateConnected,
    closing = ::xen::XenbusStateClosing,
    closed = ::xen::XenbusStateClosed,
    reconfiguring = ::xen::XenbusStateReconfiguring,
    reconfigured = ::xen::XenbusStateReconfigured
};
inline constexpr std::size_t state_count = 9;

/// A decimal number without sign, spaces or tail, at most `most`. Text from a guest passes here before anything else.
[[nodiscard]] inline std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most)
{
    std::uint32_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value > most)
        return std::nullopt;
    return value;
}

/// The state a node's text means; `unknown` for absence and for nonsense.
[[nodiscard]] inline State parse_state(const std::optional<std::string>& text)
{
    return text ? static_cast<State>(parse_number(*text, state_count - 1).value_or(0)) : State::unknown;
}

}  // namespace rf::xenbus
