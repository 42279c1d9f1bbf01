// SPDX-License-Identifier: MIT
#pragma once
/// Makes compressed data with Debian's libraries: the other side of every decoder that we test.

#include <cstdint>
#include <cstring>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <random>
#include <stdexcept>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace rf::dom0::test {

using Bytes = std::vector<std::uint8_t>;

inline void expect_ok(bool ok, char const* what)
{
    if (!ok)
        throw std::runtime_error(what);
}

struct XzOptions {
    bool x86 = true;
    std::uint32_t preset = 6;
    lzma_check check = LZMA_CHECK_CRC32;
    unsigned lc = 3, lp = 0, pb = 2;
};

inline Bytes pack_xz(Bytes const& plain, XzOptions const& how = {})
{
    lzma_options_lzma lzma;
    expect_ok(!lzma_lzma_preset(&lzma, how.preset), "lzma preset");
    lzma.lc = how.lc;
    lzma.lp = how.lp;
    lzma.pb = how.pb;
    lzma_filter filters[3];
    unsigned n = 0;
    if (how.x86)
        filters[n++] = {LZMA_FILTER_X86, nullptr};
    filters[n++] = {LZMA_FILTER_LZMA2, &lzma};
    filters[n] = {LZMA_VLI_UNKNOWN, nullptr};
    Bytes out(lzma_stream_buffer_bound(plain.size()) + 1024);
    std::size_t used = 0;
    expect_ok(lzma_stream_buffer_encode(filters, how.check, nullptr, plain.data(), plain.size(), out.data(), &used,
                                        out.size()) == LZMA_OK,
              "xz");
    out.resize(used);
    return out;
}

/// Several blocks in one stream, with sizes in their headers.
inline Bytes pack_xz_blocks(Bytes const& plain, std::uint64_t block_size)
{
    lzma_mt mt{};
    mt.threads = 1;
    mt.block_size = block_size;
    mt.preset = 1;
    mt.check = LZMA_CHECK_CRC32;
    lzma_stream stream = LZMA_STREAM_INIT;
    expect_ok(lzma_stream_encoder_mt(&stream, &mt) == LZMA_OK, "xz mt");
    Bytes out(lzma_stream_buffer_bound(plain.size()) + 4096 + plain.size() / block_size * 128);
    stream.next_in = plain.data();
    stream.avail_in = plain.size();
    stream.next_out = out.data();
    stream.avail_out = out.size();
    expect_ok(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END, "xz mt");
    out.resize(out.size() - stream.avail_out);
    lzma_end(&stream);
    return out;
}

inline Bytes pack_lzma(Bytes const& plain)
{
    lzma_options_lzma lzma;
    expect_ok(!lzma_lzma_preset(&lzma, 6), "lzma preset");
    lzma_stream stream = LZMA_STREAM_INIT;
    expect_ok(lzma_alone_encoder(&stream, &lzma) == LZMA_OK, "lzma");
    Bytes out(plain.size() + plain.size() / 2 + 4096);
    stream.next_in = plain.data();
    stream.avail_in = plain.size();
    stream.next_out = out.data();
    stream.avail_out = out.size();
    expect_ok(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END, "lzma");
    out.resize(out.size() - stream.avail_out);
    lzma_end(&stream);
    return out;
}

inline Bytes pack_gzip(Bytes const& plain, int level = 9, int strategy = Z_DEFAULT_STRATEGY)
{
    z_stream stream{};
    expect_ok(deflateInit2(&stream, level, Z_DEFLATED, 31, 8, strategy) == Z_OK, "gzip");
    Bytes out(deflateBound(&stream, plain.size()) + 64);
    stream.next_in = const_cast<Bytef*>(plain.data());
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    expect_ok(deflate(&stream, Z_FINISH) == Z_STREAM_END, "gzip");
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

inline Bytes pack_zstd(Bytes const& plain, int level = 3, bool checksum = true)
{
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
    Bytes out(ZSTD_compressBound(plain.size()));
    std::size_t const used = ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size());
    ZSTD_freeCCtx(context);
    expect_ok(!ZSTD_isError(used), "zstd");
    out.resize(used);
    return out;
}

inline void append_word(Bytes& bytes, std::uint32_t word)
{
    for (int i = 0; i < 4; ++i)
        bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
}

/// As `lz4 -l` does: blocks of 8 MiB.
inline Bytes pack_lz4(Bytes const& plain, std::size_t block = 8u << 20)
{
    Bytes out;
    append_word(out, 0x184c2102);
    for (std::size_t at = 0; at < plain.size(); at += block) {
        auto const count = static_cast<int>(std::min(block, plain.size() - at));
        Bytes coded(static_cast<std::size_t>(LZ4_compressBound(count)));
        int const used =
            LZ4_compress_HC(reinterpret_cast<char const*>(plain.data() + at), reinterpret_cast<char*>(coded.data()),
                            count, static_cast<int>(coded.size()), 9);
        expect_ok(used > 0, "lz4");
        append_word(out, static_cast<std::uint32_t>(used));
        out.insert(out.end(), coded.begin(), coded.begin() + used);
    }
    return out;
}

/// Test data in which all kinds of matches occur: noise, runs, text, near and far repeats, x86 calls.
inline Bytes mixed_bytes(std::size_t size, std::uint32_t seed)
{
    std::mt19937 random(seed);
    Bytes bytes;
    bytes.reserve(size + 70000);
    while (bytes.size() < size) {
        std::size_t const count = 1 + random() % (random() % 8 ? 300 : 60000);
        switch (random() % 7) {
        case 0:
            for (std::size_t i = 0; i < count; ++i)
                bytes.push_back(static_cast<std::uint8_t>(random()));
            break;
        case 1: bytes.insert(bytes.end(), count, static_cast<std::uint8_t>(random() % 3)); break;
        case 2:
            for (std::size_t i = 0; i < count; ++i)
                bytes.push_back(static_cast<std::uint8_t>("etaoin shrdlu,."[random() % 15]));
            break;
        case 3:
        case 4:
            if (!bytes.empty()) {
                std::size_t const distance = 1 + random() % (random() % 2 ? std::min<std::size_t>(9, bytes.size())
                                                                          : bytes.size());
                for (std::size_t i = 0; i < count; ++i)
                    bytes.push_back(bytes[bytes.size() - distance]);
            }
            break;
        case 5:
            for (std::size_t i = 0; i < count / 8; ++i) {
                bytes.push_back(random() % 3 ? 0xe8 : 0xe9);
                auto const target = static_cast<std::uint32_t>(random() % 5000) - static_cast<std::uint32_t>(bytes.size());
                append_word(bytes, random() % 4 ? target : static_cast<std::uint32_t>(random()));
                for (unsigned j = random() % 4; j; --j)
                    bytes.push_back(random() % 5 ? static_cast<std::uint8_t>(random()) : 0xe8);
            }
            break;
        default:
            for (std::size_t i = 0; i < count; ++i)
                bytes.push_back(static_cast<std::uint8_t>(i * i >> 3));
        }
    }
    bytes.resize(size);
    return bytes;
}

} // namespace rf::dom0::test
