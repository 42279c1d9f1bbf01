// SPDX-License-Identifier: MIT
#include "net/token_bucket.hpp"

#include <charconv>

namespace rf::net {
namespace {

/// Beyond these a product could overflow; such a rate is no limit anyone would notice.
constexpr std::uint64_t most_bytes = 1ull << 40;
constexpr std::int64_t most_microseconds = 10'000'000;

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text)
{
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos)
        return std::nullopt;
    const auto bytes = number(text.substr(0, comma));
    const auto microseconds = number(text.substr(comma + 1));
    if (!bytes || !microseconds || *bytes == 0 || *bytes > most_bytes || *microseconds == 0 ||
        *microseconds > static_cast<std::uint64_t>(most_microseconds))
        return std::nullopt;
    return Rate{*bytes, std::chrono::microseconds(*microseconds)};
}

std::expected<void, TokenBucket::Clock::time_point> TokenBucket::take(std::uint64_t bytes, Clock::time_point now)
{
    if (!rate_)
        return {};
    const std::uint64_t capacity = std::max(rate_->bytes, least_burst);
    const auto microseconds = static_cast<std::uint64_t>(rate_->interval.count());
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(now - filled_);
    const auto gained = static_cast<unsigned __int128>(rate_->bytes) * static_cast<std::uint64_t>(passed.count()) / microseconds;
    if (gained > 0) {
        level_ = gained >= capacity ? capacity : std::min(capacity, level_ + static_cast<std::uint64_t>(gained));
        filled_ = now;
    }
    if (bytes <= level_) {
        level_ -= bytes;
        return {};
    }
    const std::uint64_t missing = std::min(bytes, capacity) - level_;
    const std::uint64_t wait = (missing * microseconds + rate_->bytes - 1) / rate_->bytes;
    return std::unexpected(now + std::chrono::microseconds(wait));
}

}  // namespace rf::net
