// SPDX-License-Identifier: MIT
#pragma once
/// One request, one answer, and the connection ends: enough of HTTP/1.0 and 1.1 for browsers, wget and curl. Pure.

#include <array>
#include <cstdint>

#include "wire.hpp"

namespace rf::responder {

/// Collects a request. Keeps the beginning of its first line; of the headers only their end is of interest.
class Request {
public:
    enum class Progress { more, complete };

    /// Feeds what arrived; bytes behind the end of the request are ignored. A request longer than size_limit is complete, and bad.
    Progress feed(Bytes bytes);

    enum class Kind { get, head, unknown_page, unknown_method, bad };
    [[nodiscard]] Kind kind() const;

    static constexpr std::size_t size_limit = 4096;

private:
    std::array<char, 96> line_{};
    std::uint16_t line_bytes_ = 0;
    std::uint16_t total_bytes_ = 0;
    bool in_first_line_ = true;
    bool line_is_empty_ = true;
    bool too_long_ = false;
    bool complete_ = false;
};

/// What the page tells.
struct Facts {
    std::uint64_t answers;
    std::uint64_t uptime_seconds;
};

/// Room for every answer.
inline constexpr std::size_t answer_limit = 1024;

/// Writes the whole answer, head and page, into `room`; returns its size.
[[nodiscard]] std::size_t compose_answer(Request::Kind kind, const Facts& facts, std::span<char, answer_limit> room);

}  // namespace rf::responder
