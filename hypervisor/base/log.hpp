// SPDX-License-Identifier: MIT
#pragma once
/// The boot log. Each line gets a time stamp; levels follow Xen's `loglvl=` spelling. Formatting accepts integers,
/// Hex{}, strings, frame numbers and domain ids; there is no format string to get wrong:
///
///     log::info("memory: ", mib, " MiB usable, Dom0 gets ", log::Hex{start}, "..");

#include "base/result.hpp"
#include "base/types.hpp"

#include <concepts>
#include <cstring>
#include <span>
#include <string_view>

namespace rf::log {

enum class Level : std::uint8_t { error, warning, info, debug };

/// An integer printed in hexadecimal without leading zeros.
struct Hex {
    std::uint64_t value;
};

/// Bounded line assembly: text beyond the end is cut, never written outside.
class Line {
public:
    void put(std::string_view text);
    void put(char const* text) { put(std::string_view(text)); }
    void put(Hex number);
    void put(bool value) { put(std::string_view(value ? "yes" : "no")); }
    void put(char c) { put(std::string_view(&c, 1)); }
    void put(DomainId id)
    {
        put('d');
        put_decimal(id.value, false);
    }
    template <class Tag>
    void put(FrameNumber<Tag> frame)
    {
        put(Hex{frame.value});
    }
    void put(Errno error) { put_decimal(static_cast<std::uint64_t>(error), true); }
    template <std::integral T>
        requires(!std::same_as<T, bool> && !std::same_as<T, char>)
    void put(T value)
    {
        bool const negative = value < 0;
        put_decimal(negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value), negative);
    }
    [[nodiscard]] std::string_view text() const { return {buffer_, used_}; }

private:
    void put_decimal(std::uint64_t value, bool negative);
    char buffer_[256];
    std::size_t used_ = 0;
};

/// Where finished lines go; room dev/ installs the console, tests install a recorder. Never null after installation.
using Sink = void (*)(Level level, std::string_view line);
void set_sink(Sink sink);
/// Lines above this level are dropped (`loglvl=`).
void set_threshold(Level level);
[[nodiscard]] bool enabled(Level level);
void submit(Level level, std::string_view line);

template <class... Parts>
void write(Level level, Parts const&... parts)
{
    if (!enabled(level))
        return;
    Line line;
    (line.put(parts), ...);
    submit(level, line.text());
}
template <class... Parts>
void error(Parts const&... parts) { write(Level::error, parts...); }
template <class... Parts>
void warning(Parts const&... parts) { write(Level::warning, parts...); }
template <class... Parts>
void info(Parts const&... parts) { write(Level::info, parts...); }
template <class... Parts>
void debug(Parts const&... parts) { write(Level::debug, parts...); }

} // namespace rf::log
