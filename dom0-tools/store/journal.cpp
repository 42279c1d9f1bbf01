// SPDX-License-Identifier: MIT
#include "store/journal.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>

namespace rf::store {
namespace {

/// What a byte does to the sum when `distance` more bytes follow it: four bytes are taken at a time.
constexpr std::size_t stride = 4;
constexpr std::array<std::array<std::uint32_t, 256>, stride> crc_tables = [] {
    std::array<std::array<std::uint32_t, 256>, stride> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value >> 1) ^ ((value & 1) ? 0xedb88320u : 0);
        tables[0][byte] = value;
    }
    for (std::size_t distance = 1; distance < stride; ++distance)
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[distance - 1][byte];
            tables[distance][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}();

struct FrameHeader {
    std::uint32_t length;
    std::uint32_t checksum;
};
static_assert(sizeof(FrameHeader) == frame_overhead);

}  // namespace

std::uint32_t crc32(std::string_view bytes)
{
    std::uint32_t value = ~0u;
    for (; bytes.size() >= stride; bytes.remove_prefix(stride)) {
        std::uint32_t word;
        std::memcpy(&word, bytes.data(), sizeof word);
        value ^= word;
        value = crc_tables[3][value & 0xff] ^ crc_tables[2][value >> 8 & 0xff] ^ crc_tables[1][value >> 16 & 0xff] ^ crc_tables[0][value >> 24];
    }
    for (const char c : bytes)
        value = (value >> 8) ^ crc_tables[0][(value ^ static_cast<unsigned char>(c)) & 0xff];
    return ~value;
}

std::string journal_frame(std::string_view batch)
{
    const FrameHeader header{static_cast<std::uint32_t>(batch.size()), crc32(batch)};
    std::string frame;
    frame.reserve(sizeof header + batch.size());
    return frame.append(reinterpret_cast<const char*>(&header), sizeof header).append(batch);
}

void put_journal_frame(char* place, std::string_view batch)
{
    const auto length = static_cast<std::uint32_t>(batch.size());
    const std::uint32_t checksum = crc32(batch);
    std::memcpy(place + sizeof(FrameHeader), batch.data(), batch.size());
    std::memcpy(place + offsetof(FrameHeader, checksum), &checksum, sizeof checksum);
    std::atomic_signal_fence(std::memory_order_release);
    std::memcpy(place + offsetof(FrameHeader, length), &length, sizeof length);
}

JournalReader::JournalReader(std::string_view file) : file_(file)
{
    if (file.starts_with(journal_mark))
        position_ = journal_mark.size();
}

std::optional<std::string_view> JournalReader::next()
{
    FrameHeader header;
    if (!is_journal() || file_.size() - position_ < sizeof header)
        return std::nullopt;
    std::memcpy(&header, file_.data() + position_, sizeof header);
    const std::string_view rest = file_.substr(position_ + sizeof header);
    if (header.length == 0 || header.length > rest.size() || crc32(rest.substr(0, header.length)) != header.checksum)
        return std::nullopt;
    position_ += sizeof header + header.length;
    return rest.substr(0, header.length);
}

}  // namespace rf::store
