// SPDX-License-Identifier: MIT
#include "grant/maptrack.hpp"

#include "cpu/insn.hpp"

#include <new>

namespace rf::grant {
namespace {

constexpr std::uint32_t index_mask = (1u << Maptrack::index_bits) - 1;
constexpr std::size_t frame_bytes = Maptrack::records_per_frame * sizeof(MapRecord);

constexpr std::uint32_t word_of(MapState state, std::uint32_t generation)
{
    return static_cast<std::uint32_t>(state) | generation << 8;
}
constexpr MapState state_of(std::uint32_t word) { return static_cast<MapState>(word & 0xff); }
constexpr std::uint32_t generation_of(std::uint32_t word) { return word >> 8; }

/// Moves a record that the caller owns.
void move_to(MapRecord& record, MapState state)
{
    record.word.store(word_of(state, generation_of(record.word.load(relaxed))), release);
}

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

MapRecord* Maptrack::find(std::uint32_t index) const
{
    if (index >= records())
        return nullptr;
    std::uint64_t const at = cpu::clamp_index(index, records());
    return &frames_[at / records_per_frame][at % records_per_frame];
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

Result<Maptrack::Slot> Maptrack::take()
{
    LockGuard guard(lock_);
    if (first_free_ == 0)
        TRY(grow());
    std::uint32_t const index = first_free_ - 1;
    MapRecord& record = *find(index);
    first_free_ = record.next_free;
    in_use_.fetch_add(1, relaxed);
    move_to(record, MapState::mapping);
    return Slot{&record, index | generation_of(record.word.load(relaxed)) << index_bits};
}

void Maptrack::publish(MapRecord& record) { move_to(record, MapState::mapped); }

MapRecord* Maptrack::claim(xen::grant_handle_t handle)
{
    MapRecord* record = find(handle & index_mask);
    if (!record)
        return nullptr;
    std::uint32_t expected = word_of(MapState::mapped, handle >> index_bits);
    bool const claimed = record->word.compare_exchange_strong(
        expected, word_of(MapState::unmapping, handle >> index_bits), acq_rel, relaxed);
    return claimed ? record : nullptr;
}

void Maptrack::restore(MapRecord& record) { move_to(record, MapState::mapped); }

void Maptrack::give_back(xen::grant_handle_t handle, MapRecord& record)
{
    std::uint32_t const generation = ((handle >> index_bits) + 1) % generations;
    LockGuard guard(lock_);
    record.next_free = first_free_;
    record.word.store(word_of(MapState::free, generation), release);
    first_free_ = (handle & index_mask) + 1;
    in_use_.fetch_sub(1, relaxed);
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
