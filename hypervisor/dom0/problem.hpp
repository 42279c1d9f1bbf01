// SPDX-License-Identifier: MIT
#pragma once
/// What is wrong with a kernel image, in words for the log. The parsers here are pure: they neither log nor allocate, so
/// the first domain's builder, the toolstack's builder and the tests share them.

#include <expected>
#include <string_view>
#include <utility>
#include <variant>

namespace rf::dom0 {

/// One clear reason; static text.
struct Problem {
    std::string_view what;
};

template <class T>
using Parsed = std::expected<T, Problem>;

/// A check that yields nothing but the absence of a problem.
using Checked = Parsed<std::monostate>;

/// Shorthand for refusing: `return refuse("the file is truncated");`.
[[nodiscard]] constexpr std::unexpected<Problem> refuse(std::string_view what)
{
    return std::unexpected<Problem>(Problem{what});
}

} // namespace rf::dom0

/// Evaluates a Parsed; yields its value, or leaves the function with the same problem.
#define TRY_PARSE(expression)                                                                                          \
    ({                                                                                                                 \
        auto parsed_ = (expression);                                                                                   \
        if (!parsed_) [[unlikely]]                                                                                     \
            return std::unexpected<::rf::dom0::Problem>(parsed_.error());                                              \
        std::move(*parsed_);                                                                                           \
    })
