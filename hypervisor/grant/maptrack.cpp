// SPDX-License-Identifier: MIT
#include "grant/maptrack.hpp"

#include <new>

namespace rf::grant {
namespace {

constexpr std::size_t frame_bytes = Maptrack::records_per_frame * sizeof(MapRecord);

} // namespace

Maptrack::~Maptrack()
{
    for (std::uint32_t frame = 0; frame < frame_count_.load(relaxed); ++frame)
        account_.release(frames_[frame], frame_bytes);
}

std::uint64_t Maptrack::most_bytes(std::uint32_t limit_frames)
{
    return mm::heap_footprint(limit_frames * sizeof(MapRecord*)) + limit_frames * mm::heap_footprint(frame_bytes);
}

Status Maptrack::init(std::uint32_t limit_frames)
{
    if (limit_frames > max_frames)
        return fail(Errno::einval);
    limit_frames_ = limit_frames;
    return {};
}

/// Makes one more frame of free records, lowest index first.
Status Maptrack::grow()
{
    std::uint32_t const count = frame_count_.load(relaxed);
    if (count == limit_frames_)
        return fail(Errno::enospc);
    if (count == 0) // most domains never map a grant
        frames_ = TRY(mm::Array<MapRecord*>::make(limit_frames_, &account_));
    void* memory = account_.allocate(frame_bytes);
    if (!memory)
        return fail(Errno::enomem);
    auto* records = static_cast<MapRecord*>(memory);
    std::uint32_t const first = count * records_per_frame;
    for (std::uint32_t i = 0; i < records_per_frame; ++i) {
        ::new (&records[i]) MapRecord{};
        records[i].next_free = i + 1 < records_per_frame ? first + i + 2 : first_free_;
    }
    frames_[count] = records;
    frame_count_.store(count + 1, release);
    first_free_ = first + 1;
    return {};
}

std::optional<xen::grant_handle_t> Maptrack::handle_at(std::uint32_t index) const
{
    MapRecord* record = find(index);
    if (!record)
        return {};
    std::uint32_t const word = record->word.load(acquire);
    if (state_of(word) != MapState::mapped)
        return {};
    return index | generation_of(word) << index_bits;
}

} // namespace rf::grant
