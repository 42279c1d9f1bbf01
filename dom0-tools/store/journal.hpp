// SPDX-License-Identifier: MIT
#pragma once
/// The journal's file format, as pure functions. A file is an 8-byte mark followed by frames: u32 length, u32 CRC-32 of the
/// contents, contents (one batch of records). A frame counts as a whole or not at all: reading stops before the first frame
/// that is empty, short or does not match its checksum, which is what room kept for more, or a write cut off by a crash, leaves.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rf::store {

inline constexpr std::string_view journal_mark = "RFSTORE1";

/// What a frame adds to its batch.
inline constexpr std::size_t frame_overhead = 8;
/// A batch in its frame.
[[nodiscard]] std::string journal_frame(std::string_view batch);
/// Writes the frame of a batch to `place`, which has room for it and is zero: its length comes last, so that whoever stops in between
/// has written nothing.
void put_journal_frame(char* place, std::string_view batch);

/// Walks the batches of a journal held in memory.
class JournalReader {
public:
    explicit JournalReader(std::string_view file);

    /// Whether the file begins with the journal's mark (an empty file does not).
    [[nodiscard]] bool is_journal() const { return position_ > 0; }
    /// The next whole batch, or nullopt at the end of the sound part.
    [[nodiscard]] std::optional<std::string_view> next();
    /// Length of the sound part read so far; what follows must be cut off before appending.
    [[nodiscard]] std::size_t sound_bytes() const { return position_; }

private:
    std::string_view file_;
    std::size_t position_ = 0;
};

/// CRC-32 (IEEE 802.3, reflected).
[[nodiscard]] std::uint32_t crc32(std::string_view bytes);

}  // namespace rf::store
