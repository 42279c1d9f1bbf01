// SPDX-License-Identifier: MIT
#pragma once
/// A rate limit: bytes flow in evenly, packets take them out. Pure: the caller has the clock.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

namespace rf::net {

/// So many bytes in so long a time.
struct Rate {
    std::uint64_t bytes = 0;
    std::chrono::microseconds interval{0};
};

/// Reads the toolstack's "bytes,microseconds"; nothing for "no limit" (empty, zero) and for nonsense.
[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text);

class TokenBucket {
public:
    using Clock = std::chrono::steady_clock;
    /// A bucket holds at least this, so that the largest packet always fits. Bytes.
    static constexpr std::uint64_t least_burst = 128 * 1024;

    TokenBucket() = default;
    TokenBucket(std::optional<Rate> rate, Clock::time_point now)
        : rate_(rate), level_(rate ? std::max(rate->bytes, least_burst) : 0), filled_(now) {}

    /// Without a limit nothing needs be taken, nor the time be asked for.
    [[nodiscard]] bool is_limited() const { return rate_.has_value(); }
    /// Takes `bytes` if they are there; else says when they will be.
    [[nodiscard]] std::expected<void, Clock::time_point> take(std::uint64_t bytes, Clock::time_point now);

private:
    std::optional<Rate> rate_;
    std::uint64_t level_ = 0;
    Clock::time_point filled_;
};

}  // namespace rf::net
