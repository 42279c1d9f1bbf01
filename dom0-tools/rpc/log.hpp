// SPDX-License-Identifier: MIT
#pragma once
/// One line per event on standard error, with the priority prefix that the system journal understands.

#include <cstdio>
#include <string_view>

namespace rf::rpc {

enum class Severity { error = 3, warning = 4, notice = 5, info = 6 };

inline void log(Severity severity, std::string_view text)
{
    std::fprintf(stderr, "<%d>%.*s\n", static_cast<int>(severity), static_cast<int>(text.size()), text.data());
}

}  // namespace rf::rpc
