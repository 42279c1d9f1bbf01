// SPDX-License-Identifier: MIT
#pragma once
/// The two ends of a byte ring in a page shared with a hostile domain. Indices run freely modulo 2^32; byte i lies at
/// i & (size - 1); size is a power of two. Our own index is kept privately and only ever written to the page; the peer's is
/// read once per call and refused when it claims more bytes than the ring holds.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rf::rpc {

/// A word of the shared page, which the peer may write at any time.
[[nodiscard]] inline std::uint32_t read_once(std::uint32_t& field)
{
    return std::atomic_ref(field).load(std::memory_order_acquire);
}

/// Consumer end.
class RingReader {
public:
    RingReader(std::span<const char> ring, std::uint32_t* producer, std::uint32_t* consumer, std::uint32_t start)
        : ring_(ring), producer_(producer), consumer_(consumer), position_(start) {}

    /// Takes at most `limit` bytes; nullopt if the producer index is nonsense. The peer learns of it at `publish`.
    [[nodiscard]] std::optional<std::string> take(std::size_t limit);
    /// Tells the peer how far we are. Returns whether that was news.
    bool publish();
    /// Whether the peer has put more since. To be asked after `publish`: a peer that saw our old index need not notify.
    [[nodiscard]] bool has_more() const;
    [[nodiscard]] std::uint32_t position() const { return position_; }

private:
    std::span<const char> ring_;
    std::uint32_t* producer_;
    std::uint32_t* consumer_;
    std::uint32_t position_;
    std::uint32_t published_ = position_;
};

/// Producer end.
class RingWriter {
public:
    RingWriter(std::span<char> ring, std::uint32_t* producer, std::uint32_t* consumer, std::uint32_t start)
        : ring_(ring), producer_(producer), consumer_(consumer), position_(start) {}

    /// Puts as many of `bytes` as fit and returns how many; nullopt if the consumer index is nonsense.
    [[nodiscard]] std::optional<std::size_t> put(std::string_view bytes);
    /// Tells the peer of what was put. Returns whether that was news.
    bool publish();
    /// Whether there is room now. To be asked after `publish`, for the same reason as RingReader::has_more.
    [[nodiscard]] bool has_room() const;
    [[nodiscard]] std::uint32_t position() const { return position_; }

private:
    std::span<char> ring_;
    std::uint32_t* producer_;
    std::uint32_t* consumer_;
    std::uint32_t position_;
    std::uint32_t published_ = position_;
};

}  // namespace rf::rpc
