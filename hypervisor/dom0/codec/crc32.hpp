// SPDX-License-Identifier: MIT
#pragma once
/// CRC-32 as gzip and xz use it (polynomial 0xedb88320, reflected), eight bytes at a step.

#include <array>
#include <cstdint>
#include <span>

namespace rf::dom0::codec {

/// Lookup tables, 16 KiB; built in the caller's scratch memory, since checksums are needed only while booting.
class Crc32 {
public:
    void build();
    /// The checksum of `bytes`; `before` continues an earlier part.
    [[nodiscard]] std::uint32_t of(std::span<std::uint8_t const> bytes, std::uint32_t before = 0) const;

private:
    std::array<std::array<std::uint32_t, 256>, 16> tables_;
};

} // namespace rf::dom0::codec
