// SPDX-License-Identifier: MIT
// The decoders that unpack Dom0's kernel, against Debian's own compressors.
//
// Claim 1: whatever xz, lzma, gzip, zstd and lz4 make of any data, at any level, comes back byte for byte. Failure shows as
// a differing byte or a refusal.
// Claim 2: damaged and truncated input is refused or yields data, but never touches memory outside (the sanitizers watch),
// never runs on, and with a checksum never passes for good.

#include "dom0/codec/gzip.hpp"
#include "dom0/codec/lz4.hpp"
#include "dom0/codec/lzma_alone.hpp"
#include "dom0/codec/xz.hpp"
#include "dom0/codec/zstd.hpp"
#include "packers.hpp"

#include <gtest/gtest.h>
#include <memory>

namespace rf::dom0::test {
namespace {

using namespace codec;

Parsed<std::size_t> unpack_xz(Bytes const& in, std::span<std::uint8_t> out)
{
    static auto const scratch = std::make_unique<XzScratch>();
    return decode_xz(in, out, *scratch);
}
Parsed<std::size_t> unpack_lzma(Bytes const& in, std::span<std::uint8_t> out)
{
    static auto const scratch = std::make_unique<LzmaModel>();
    return decode_lzma_alone(in, out, *scratch);
}
Parsed<std::size_t> unpack_gzip(Bytes const& in, std::span<std::uint8_t> out)
{
    static auto const scratch = std::make_unique<GzipScratch>();
    return decode_gzip(in, out, *scratch);
}
Parsed<std::size_t> unpack_zstd(Bytes const& in, std::span<std::uint8_t> out)
{
    static auto const scratch = std::make_unique<ZstdScratch>();
    return decode_zstd(in, out, *scratch);
}
Parsed<std::size_t> unpack_lz4(Bytes const& in, std::span<std::uint8_t> out) { return decode_lz4(in, out); }

using Unpack = Parsed<std::size_t> (*)(Bytes const&, std::span<std::uint8_t>);

/// A heap copy of exactly the needed size, so that the sanitizer sees the first byte too many on either side.
void expect_round_trip(Unpack unpack, Bytes const& plain, Bytes packed, char const* what)
{
    packed.shrink_to_fit();
    auto const out = std::make_unique<std::uint8_t[]>(plain.size());
    auto const result = unpack(packed, {out.get(), plain.size()});
    ASSERT_TRUE(result) << what << ": " << result.error().what;
    ASSERT_EQ(*result, plain.size()) << what;
    EXPECT_EQ(std::memcmp(out.get(), plain.data(), plain.size()), 0) << what;
}

std::vector<std::size_t> const sizes{1, 2, 7, 8, 9, 100, 255, 256, 4095, 65535, 65536, 65537, 300'000};

TEST(Codec, XzComesBack)
{
    std::uint32_t seed = 1;
    for (std::size_t const size : sizes)
        for (std::uint32_t const preset : {0u, 6u}) {
            Bytes const plain = mixed_bytes(size, seed++);
            expect_round_trip(unpack_xz, plain, pack_xz(plain, {.preset = preset}), "x86");
            expect_round_trip(unpack_xz, plain, pack_xz(plain, {.x86 = false, .preset = preset}), "plain");
            expect_round_trip(unpack_xz, plain, pack_xz(plain, {.preset = preset, .lc = 0, .lp = 4, .pb = 0}), "lp=4");
            expect_round_trip(unpack_xz, plain, pack_xz(plain, {.preset = preset, .lc = 4, .lp = 0, .pb = 4}), "lc=4");
            expect_round_trip(unpack_xz, plain, pack_xz(plain, {.preset = preset, .check = LZMA_CHECK_NONE}), "no check");
            expect_round_trip(unpack_xz, plain, pack_xz_blocks(plain, 1 + size / 3), "blocks");
        }
}

TEST(Codec, XzFilterUndoesEveryPatternOfOpcodes)
{
    // The filter's rule for opcode bytes inside operands is subtle; short strings over few bytes reach all its cases.
    std::mt19937 random(7);
    constexpr std::uint8_t alphabet[] = {0xe8, 0xe9, 0x00, 0xff, 0x01, 0xfe};
    for (int round = 0; round < 1000; ++round) {
        Bytes plain(5 + random() % 60);
        for (auto& byte : plain)
            byte = random() % 16 ? alphabet[random() % 6] : static_cast<std::uint8_t>(random());
        expect_round_trip(unpack_xz, plain, pack_xz(plain, {.preset = 0}), "pattern");
        if (HasFailure())
            return;
    }
}

TEST(Codec, XzRefusesOtherChecks)
{
    Bytes const plain = mixed_bytes(1000, 3);
    Bytes out(1000);
    EXPECT_FALSE(unpack_xz(pack_xz(plain, {.check = LZMA_CHECK_SHA256}), out));
    EXPECT_FALSE(unpack_xz(pack_xz(plain, {.check = LZMA_CHECK_CRC64}), out));
}

TEST(Codec, LargeDataComeBack)
{
    // Beyond one LZMA2 chunk, many zstd blocks.
    Bytes const plain = mixed_bytes(2'200'000, 55);
    expect_round_trip(unpack_xz, plain, pack_xz(plain, {.preset = 1}), "xz");
    expect_round_trip(unpack_lzma, plain, pack_lzma(plain), "lzma");
    expect_round_trip(unpack_gzip, plain, pack_gzip(plain, 1), "gzip");
    expect_round_trip(unpack_zstd, plain, pack_zstd(plain, 3), "zstd");
    expect_round_trip(unpack_zstd, plain, pack_zstd(plain, 16), "zstd 16");
}

TEST(Codec, LzmaComesBack)
{
    std::uint32_t seed = 100;
    for (std::size_t const size : sizes) {
        Bytes const plain = mixed_bytes(size, seed++);
        expect_round_trip(unpack_lzma, plain, pack_lzma(plain), "lzma");
    }
}

TEST(Codec, GzipComesBack)
{
    std::uint32_t seed = 200;
    for (std::size_t const size : sizes)
        for (int const level : {0, 1, 6, 9})
            for (int const strategy : {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE}) {
                Bytes const plain = mixed_bytes(size, seed++);
                expect_round_trip(unpack_gzip, plain, pack_gzip(plain, level, strategy), "gzip");
            }
}

TEST(Codec, ZstdComesBack)
{
    std::uint32_t seed = 300;
    for (std::size_t const size : sizes)
        for (int const level : {-5, 1, 9, 19}) {
            Bytes const plain = mixed_bytes(size, seed++);
            expect_round_trip(unpack_zstd, plain, pack_zstd(plain, level, seed % 2), "zstd");
        }
}

TEST(Codec, Lz4ComesBack)
{
    std::uint32_t seed = 400;
    for (std::size_t const size : sizes)
        for (std::size_t const block : {std::size_t{8u << 20}, std::size_t{70'000}}) {
            Bytes const plain = mixed_bytes(size, seed++);
            expect_round_trip(unpack_lz4, plain, pack_lz4(plain, block), "lz4");
        }
    Bytes const large = mixed_bytes(9u << 20, 499); // more than one block of the usual size
    expect_round_trip(unpack_lz4, large, pack_lz4(large), "9 MiB");
}

/// Whether data of a format, damaged or not, say that they have a checksum over everything.
using Checksummed = bool (*)(Bytes const&);
bool always(Bytes const&) { return true; }
bool never(Bytes const&) { return false; }
/// A bit in the frame header, itself unprotected.
bool if_zstd_says(Bytes const& frame) { return frame.size() > 4 && (frame[4] & 4); }

/// Offers `rounds` damaged variants of good data.
void attack(Unpack unpack, Bytes const& plain, Bytes const& packed, int rounds, std::uint32_t seed, Checksummed checksummed)
{
    std::mt19937 random(seed);
    for (int round = 0; round < rounds; ++round) {
        Bytes bad = packed;
        if (random() % 4 == 0)
            bad.resize(random() % bad.size());
        for (unsigned changes = random() % 4 + (bad.size() == packed.size()); changes && !bad.empty(); --changes)
            bad[random() % (random() % 2 ? bad.size() : std::min<std::size_t>(bad.size(), 64))] ^=
                static_cast<std::uint8_t>(1u << random() % 8);
        bad.shrink_to_fit();
        std::size_t const room = random() % 3 ? plain.size() : random() % (plain.size() + 1);
        auto const out = std::make_unique<std::uint8_t[]>(room);
        auto const result = unpack(bad, {out.get(), room});
        if (result && checksummed(bad) && *result == plain.size()) {
            ASSERT_EQ(std::memcmp(out.get(), plain.data(), room), 0) << "damage passed the checksum in round " << round;
        }
    }
}

TEST(Codec, DamageIsHarmless)
{
    for (std::uint32_t seed = 0; seed < 4; ++seed) {
        Bytes const plain = mixed_bytes(seed ? 3000u * seed * seed : 40, 900 + seed);
        attack(unpack_xz, plain, pack_xz(plain), 1000, seed, always);
        attack(unpack_lzma, plain, pack_lzma(plain), 1000, seed, never);
        attack(unpack_gzip, plain, pack_gzip(plain), 1000, seed, always);
        attack(unpack_zstd, plain, pack_zstd(plain, 19), 1000, seed, if_zstd_says);
        attack(unpack_lz4, plain, pack_lz4(plain), 1000, seed, never);
    }
}

TEST(Codec, AlterationsInsideTheCodedDataAreHarmless)
{
    // Without checksums the decoders themselves see the damage: every bit of short inputs is flipped in turn.
    Bytes const plain = mixed_bytes(700, 77);
    struct Case {
        Unpack unpack;
        Bytes packed;
    } const cases[] = {{unpack_xz, pack_xz(plain, {.check = LZMA_CHECK_NONE})},
                       {unpack_lzma, pack_lzma(plain)},
                       {unpack_gzip, pack_gzip(plain)},
                       {unpack_zstd, pack_zstd(plain, 19, false)},
                       {unpack_lz4, pack_lz4(plain)}};
    for (auto const& [unpack, packed] : cases)
        for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
            Bytes bad = packed;
            bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            bad.shrink_to_fit();
            auto const out = std::make_unique<std::uint8_t[]>(plain.size());
            auto const result = unpack(bad, {out.get(), plain.size()});
            EXPECT_TRUE(!result || *result <= plain.size());
        }
}

} // namespace
} // namespace rf::dom0::test
