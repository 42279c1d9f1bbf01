// SPDX-License-Identifier: MIT
#include "dom0/bzimage.hpp"

#include "dom0/codec/bytes.hpp"

#include <cstdint>

namespace rf::dom0 {
namespace {

using codec::load;

// Offsets of the boot header's fields in the file.
constexpr std::size_t setup_sectors_at = 0x1f1;
constexpr std::size_t signature_at = 0x202;
constexpr std::size_t protocol_at = 0x206;
constexpr std::size_t payload_offset_at = 0x248;
constexpr std::size_t payload_length_at = 0x24c;
constexpr std::size_t header_end = 0x250;

constexpr std::uint32_t signature = 0x53726448; // "HdrS"
constexpr std::uint16_t first_protocol_with_payload = 0x0208;
constexpr std::uint64_t sector = 512;
constexpr unsigned default_setup_sectors = 4;

} // namespace

bool is_elf(std::span<std::byte const> file)
{
    constexpr std::uint32_t elf_magic = 0x464c457f;
    return file.size() >= 4 && load<std::uint32_t>(file.data()) == elf_magic;
}

Parsed<std::span<std::byte const>> find_payload(std::span<std::byte const> file)
{
    if (is_elf(file))
        return file;
    if (file.size() < header_end || load<std::uint32_t>(file.data() + signature_at) != signature)
        return refuse("neither a Linux bzImage nor an ELF file");
    if (load<std::uint16_t>(file.data() + protocol_at) < first_protocol_with_payload)
        return refuse("a bzImage older than boot protocol 2.08, which does not say where its payload is");

    auto setup_sectors = load<std::uint8_t>(file.data() + setup_sectors_at);
    if (setup_sectors == 0)
        setup_sectors = default_setup_sectors;
    std::uint64_t const start = (setup_sectors + 1) * sector + load<std::uint32_t>(file.data() + payload_offset_at);
    std::uint64_t const length = load<std::uint32_t>(file.data() + payload_length_at);
    if (length == 0)
        return refuse("a bzImage without payload");
    if (start > file.size() || length > file.size() - start)
        return refuse("a truncated bzImage: its payload ends behind the file");
    return file.subspan(start, length);
}

} // namespace rf::dom0
