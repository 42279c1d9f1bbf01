// SPDX-License-Identifier: MIT
#pragma once
/// The journal's records as bytes: what a restarted store needs to go on as if nothing had happened. A batch is a sequence
/// of records that take effect together. Integers are little-endian; strings carry a u32 length. No I/O.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "store/permission.hpp"

namespace rf::store {

enum class RecordType : std::uint8_t {
    epoch = 1,         ///< u32: number of starts of the store
    put = 2,           ///< path, value, permissions
    remove = 3,        ///< path
    domain = 4,        ///< u16 id, u64 frame, u32 port, u8 shut down, u8 has target, u16 target
    domain_gone = 5,   ///< u16 id
    incarnation = 6,   ///< u16 id, u32 incarnation
    watch = 7,         ///< u16 domain, path, token, home
    unwatch = 8,       ///< u16 domain, path, token
    no_watches = 9,    ///< u16 domain
    ring_input = 10,   ///< u16 domain, u32 request index, remainder
    ring_output = 11,  ///< u16 domain, bytes
    ring_reset = 12,   ///< u16 domain, u32 request index, u32 response index
    special = 13,      ///< name, permissions
};

class RecordWriter {
public:
    RecordWriter& begin(RecordType type)
    {
        if (bytes_.empty())
            bytes_.reserve(usual_batch);
        return number(static_cast<std::uint8_t>(type));
    }

    template <class T>
    RecordWriter& number(T value)
    {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
        return *this;
    }
    RecordWriter& text(std::string_view value)
    {
        number(static_cast<std::uint32_t>(value.size()));
        bytes_.append(value);
        return *this;
    }
    RecordWriter& permissions(const PermissionList& list);

    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    [[nodiscard]] std::string take() { return std::exchange(bytes_, {}); }
    [[nodiscard]] std::string_view bytes() const { return bytes_; }
    /// Keeps the memory, unless it was much.
    void clear()
    {
        if (bytes_.capacity() > unusual_batch)
            bytes_ = {};
        bytes_.clear();
    }

private:
    static constexpr std::size_t usual_batch = 256;
    static constexpr std::size_t unusual_batch = 65536;

    std::string bytes_;
};

/// Reads what RecordWriter wrote; any short or senseless field makes `ok` false and later reads return zero values.
class RecordReader {
public:
    explicit RecordReader(std::string_view bytes) : rest_(bytes) {}

    template <class T>
    [[nodiscard]] T number()
    {
        T value{};
        const std::string_view raw = take(sizeof value);
        if (raw.size() == sizeof value)
            std::memcpy(&value, raw.data(), sizeof value);
        return value;
    }
    [[nodiscard]] std::string_view text() { return take(number<std::uint32_t>()); }
    [[nodiscard]] Permissions permissions();

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool ok() const { return ok_; }

private:
    std::string_view take(std::size_t count);

    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace rf::store
