// SPDX-License-Identifier: MIT
#pragma once
/// The wire codec: messages to bytes and back. No I/O. Format: four little-endian u32 (type, request id, transaction id,
/// length), then `length` <= 4096 bytes. Source: Xen public header io/xs_wire.h.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/error.hpp"

namespace rf::store {

/// Message types; the names are those of io/xs_wire.h in lower case.
enum class Type : std::uint32_t {
    control = 0,
    directory = 1,
    read = 2,
    get_perms = 3,
    watch = 4,
    unwatch = 5,
    transaction_start = 6,
    transaction_end = 7,
    introduce = 8,
    release = 9,
    get_domain_path = 10,
    write = 11,
    mkdir = 12,
    rm = 13,
    set_perms = 14,
    watch_event = 15,
    error = 16,
    is_domain_introduced = 17,
    resume = 18,
    set_target = 19,
    reset_watches = 21,
    directory_part = 22,
};

inline constexpr std::size_t header_bytes = 16;
inline constexpr std::size_t payload_max = 4096;

struct Message {
    Type type{};
    std::uint32_t request = 0;      ///< chosen by the client, echoed in the reply
    std::uint32_t transaction = 0;  ///< 0 = outside of any transaction
    std::string payload;

    friend bool operator==(const Message&, const Message&) = default;
};

/// Bytes of a message, ready for a ring or socket. The payload must not exceed `payload_max`.
[[nodiscard]] std::string encode(const Message& message);
/// Appends the bytes of a message whose payload is these parts, one behind the other.
void append(std::string& bytes, Type type, std::uint32_t request, std::uint32_t transaction,
            std::initializer_list<std::string_view> payload);

/// Reassembles messages from a byte stream cut anywhere.
class Assembler {
public:
    /// Adds bytes and cannot fail; a bad header shows up in `next`.
    void feed(std::string_view bytes) { pending_.append(bytes); }

    /// Takes the next whole message; nullopt when more bytes are needed; too_big when a header announces more payload
    /// than the protocol allows, after which the stream is unusable.
    [[nodiscard]] Result<std::optional<Message>> next();

    /// Bytes received that do not yet form a message.
    [[nodiscard]] std::string_view remainder() const { return std::string_view(pending_).substr(start_); }
    /// How many more bytes the message in progress needs (the header first).
    [[nodiscard]] std::size_t wanted() const;

private:
    std::string pending_;
    std::size_t start_ = 0;  ///< bytes of pending_ already taken
};

/// Splits NUL-terminated strings. `invalid` if the payload does not end in NUL or holds none.
[[nodiscard]] Result<std::vector<std::string_view>> split_strings(std::string_view payload);

/// The text before the first NUL; `invalid` if there is none.
[[nodiscard]] Result<std::string_view> first_string(std::string_view payload);

/// A payload made of exactly one NUL-terminated string.
[[nodiscard]] Result<std::string_view> only_string(std::string_view payload);

/// A decimal number that fills the whole text and fits T.
template <class T>
[[nodiscard]] Result<T> parse_number(std::string_view text);

}  // namespace rf::store
