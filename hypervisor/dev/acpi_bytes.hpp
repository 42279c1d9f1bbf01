// SPDX-License-Identifier: MIT
#pragma once
/// Bounds-checked reading of firmware bytes. ACPI tables are packed and little endian.

#include "dev/acpi.hpp"

#include <cstring>
#include <string_view>

namespace rf::dev::acpi {

/// The little-endian number at `offset`; nothing when it is not wholly inside.
template <class T>
[[nodiscard]] std::optional<T> number_at(std::span<std::byte const> bytes, std::size_t offset)
{
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
        return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

/// As number_at, but fields beyond the end of an (older, shorter) table read as zero.
template <class T>
[[nodiscard]] T field(std::span<std::byte const> table, std::size_t offset)
{
    return number_at<T>(table, offset).value_or(T{});
}

[[nodiscard]] inline bool has_signature(std::span<std::byte const> bytes, std::string_view signature)
{
    return bytes.size() >= signature.size() && std::memcmp(bytes.data(), signature.data(), signature.size()) == 0;
}

/// All bytes add up to zero modulo 256.
[[nodiscard]] inline bool checksum_ok(std::span<std::byte const> bytes)
{
    unsigned sum = 0;
    for (std::byte const b : bytes)
        sum += static_cast<unsigned>(b);
    return (sum & 0xff) == 0;
}

inline constexpr std::size_t header_bytes = 36;

void read_madt(std::span<std::byte const> table, Tables& tables);
void read_fadt(std::span<std::byte const> table, Tables& tables);
void read_hpet(std::span<std::byte const> table, Tables& tables);
void read_mcfg(std::span<std::byte const> table, Tables& tables);

} // namespace rf::dev::acpi
