// SPDX-License-Identifier: MIT
#include "dom0/codec/crc32.hpp"

#include "dom0/codec/bytes.hpp"

namespace rf::dom0::codec {

void Crc32::build()
{
    constexpr std::uint32_t polynomial = 0xedb8'8320;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (unsigned bit = 0; bit < 8; ++bit)
            value = value >> 1 ^ (value & 1 ? polynomial : 0);
        tables_[0][byte] = value;
    }
    for (std::size_t table = 1; table < tables_.size(); ++table)
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            std::uint32_t const value = tables_[table - 1][byte];
            tables_[table][byte] = value >> 8 ^ tables_[0][value & 0xff];
        }
}

std::uint32_t Crc32::of(std::span<std::uint8_t const> bytes, std::uint32_t before) const
{
    auto const* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint32_t value = ~before;
    auto const& t = tables_;
    for (; left >= 16; left -= 16, at += 16) {
        auto low = load<std::uint64_t>(at);
        auto const high = load<std::uint64_t>(at + 8);
        if ((low | high) == 0) { // a kernel is zeros to a third
            value = t[15][value & 0xff] ^ t[14][value >> 8 & 0xff] ^ t[13][value >> 16 & 0xff] ^ t[12][value >> 24];
            continue;
        }
        low ^= value;
        value = t[15][low & 0xff] ^ t[14][low >> 8 & 0xff] ^ t[13][low >> 16 & 0xff] ^ t[12][low >> 24 & 0xff] ^
                t[11][low >> 32 & 0xff] ^ t[10][low >> 40 & 0xff] ^ t[9][low >> 48 & 0xff] ^ t[8][low >> 56] ^
                t[7][high & 0xff] ^ t[6][high >> 8 & 0xff] ^ t[5][high >> 16 & 0xff] ^ t[4][high >> 24 & 0xff] ^
                t[3][high >> 32 & 0xff] ^ t[2][high >> 40 & 0xff] ^ t[1][high >> 48 & 0xff] ^ t[0][high >> 56];
    }
    for (; left; --left)
        value = value >> 8 ^ t[0][(value ^ *at++) & 0xff];
    return ~value;
}

} // namespace rf::dom0::codec
