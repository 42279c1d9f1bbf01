// SPDX-License-Identifier: MIT
#include "dom0/decompress.hpp"

#include "dom0/bzimage.hpp"
#include "dom0/codec/gzip.hpp"
#include "dom0/codec/lz4.hpp"
#include "dom0/codec/lzma_alone.hpp"
#include "dom0/codec/xz.hpp"
#include "dom0/codec/zstd.hpp"

#include <algorithm>

namespace rf::dom0 {
namespace {

using Bytes = std::span<std::uint8_t const>;

constexpr std::size_t size_field = sizeof(std::uint32_t);

struct Signature {
    Packing packing;
    std::string_view bytes;
};
constexpr Signature signatures[] = {
    {Packing::xz, {"\xfd" "7zXZ\0", 6}},
    {Packing::gzip, {"\x1f\x8b\x08", 3}},
    {Packing::zstd, {"\x28\xb5\x2f\xfd", 4}},
    {Packing::lz4, {"\x02\x21\x4c\x18", 4}},
    {Packing::bzip2, {"BZh", 3}},
    {Packing::lzo, {"\x89LZO\0", 5}},
    {Packing::lzma, {"\x5d\0\0", 3}},
};

Bytes as_numbers(std::span<std::byte const> bytes)
{
    return {reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()};
}

template <class T>
T& scratch_as(std::span<std::byte> scratch)
{
    return *reinterpret_cast<T*>(scratch.data());
}

Parsed<std::size_t> decode(Packing packing, Bytes in, std::span<std::uint8_t> out, std::span<std::byte> scratch)
{
    switch (packing) {
    case Packing::xz: return codec::decode_xz(in, out, scratch_as<codec::XzScratch>(scratch));
    case Packing::lzma: return codec::decode_lzma_alone(in, out, scratch_as<codec::LzmaModel>(scratch));
    case Packing::gzip: return codec::decode_gzip(in, out, scratch_as<codec::GzipScratch>(scratch));
    case Packing::zstd: return codec::decode_zstd(in, out, scratch_as<codec::ZstdScratch>(scratch));
    case Packing::lz4: return codec::decode_lz4(in.first(in.size() - size_field), out);
    case Packing::none: std::ranges::copy(in, out.begin()); return in.size();
    case Packing::bzip2:
    case Packing::lzo: return refuse("this compression is not supported: use xz, zstd, gzip, lz4 or lzma");
    case Packing::unknown: break;
    }
    return refuse("neither ELF nor any compression that we know");
}

} // namespace

Packing identify(std::span<std::byte const> payload)
{
    if (is_elf(payload))
        return Packing::none;
    std::string_view const text(reinterpret_cast<char const*>(payload.data()), payload.size());
    for (Signature const& signature : signatures)
        if (text.starts_with(signature.bytes))
            return signature.packing;
    return Packing::unknown;
}

std::string_view name_of(Packing packing)
{
    constexpr std::string_view names[] = {"none", "xz", "lzma", "gzip", "zstd", "lz4", "bzip2", "lzo", "unknown"};
    return names[static_cast<unsigned>(packing)];
}

Parsed<std::uint64_t> unpacked_size(Packing packing, std::span<std::byte const> payload)
{
    if (packing == Packing::none)
        return payload.size();
    if (payload.size() < 2 * size_field)
        return refuse("the compressed kernel is too short");
    auto const size = codec::load<std::uint32_t>(payload.data() + payload.size() - size_field);
    if (size == 0)
        return refuse("the compressed kernel claims to be empty");
    return size;
}

std::size_t scratch_size()
{
    return std::max({sizeof(codec::XzScratch), sizeof(codec::GzipScratch), sizeof(codec::ZstdScratch)});
}

Checked unpack(Packing packing, std::span<std::byte const> payload, std::span<std::byte> out,
               std::span<std::byte> scratch)
{
    std::span const to(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
    std::size_t const written = TRY_PARSE(decode(packing, as_numbers(payload), to, scratch));
    if (written != out.size())
        return refuse("the kernel unpacks to another size than it announces (damaged file)");
    return {};
}

} // namespace rf::dom0
