// SPDX-License-Identifier: MIT
#include "dom0/codec/xxhash.hpp"

#include "dom0/codec/reader.hpp"

#include <bit>

namespace rf::dom0::codec {
namespace {

constexpr std::uint64_t prime1 = 0x9e37'79b1'85eb'ca87;
constexpr std::uint64_t prime2 = 0xc2b2'ae3d'27d4'eb4f;
constexpr std::uint64_t prime3 = 0x1656'67b1'9e37'79f9;
constexpr std::uint64_t prime4 = 0x85eb'ca77'c2b2'ae63;
constexpr std::uint64_t prime5 = 0x27d4'eb2f'1656'67c5;

constexpr std::uint64_t round(std::uint64_t lane, std::uint64_t input)
{
    return std::rotl(lane + input * prime2, 31) * prime1;
}

} // namespace

std::uint64_t xxhash64(std::span<std::uint8_t const> bytes)
{
    Reader reader(bytes);
    std::uint64_t hash = prime5;
    if (bytes.size() >= 32) {
        std::uint64_t lane[4] = {prime1 + prime2, prime2, 0, 0 - prime1};
        while (reader.left() >= 32)
            for (std::uint64_t& value : lane)
                value = round(value, reader.take<std::uint64_t>());
        hash = std::rotl(lane[0], 1) + std::rotl(lane[1], 7) + std::rotl(lane[2], 12) + std::rotl(lane[3], 18);
        for (std::uint64_t const value : lane)
            hash = (hash ^ round(0, value)) * prime1 + prime4;
    }
    hash += bytes.size();
    while (reader.left() >= 8)
        hash = std::rotl(hash ^ round(0, reader.take<std::uint64_t>()), 27) * prime1 + prime4;
    if (reader.left() >= 4)
        hash = std::rotl(hash ^ reader.take<std::uint32_t>() * prime1, 23) * prime2 + prime3;
    while (reader.left())
        hash = std::rotl(hash ^ reader.byte() * prime5, 11) * prime1;
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}

} // namespace rf::dom0::codec
