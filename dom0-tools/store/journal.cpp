// SPDX-License-Identifier: MIT
#include "store/journal.hpp"

#include <array>
#include <cstring>

namespace rf::store {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value >> 1) ^ ((value & 1) ? 0xedb88320u : 0);
        table[byte] = value;
    }
    return table;
}();

struct FrameHeader {
    std::uint32_t length;
    std::uint32_t checksum;
};

}  // namespace

std::uint32_t crc32(std::string_view bytes)
{
    std::uint32_t value = ~0u;
    for (const char c : bytes)
        value = (value >> 8) ^ crc_table[(value ^ static_cast<unsigned char>(c)) & 0xff];
    return ~value;
}

std::string journal_frame(std::string_view batch)
{
    const FrameHeader header{static_cast<std::uint32_t>(batch.size()), crc32(batch)};
    std::string frame(sizeof header, '\0');
    std::memcpy(frame.data(), &header, sizeof header);
    return frame.append(batch);
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
    if (header.length > rest.size() || crc32(rest.substr(0, header.length)) != header.checksum)
        return std::nullopt;
    position_ += sizeof header + header.length;
    return rest.substr(0, header.length);
}

}  // namespace rf::store
