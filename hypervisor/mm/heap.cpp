// SPDX-License-Identifier: MIT
/// Small objects come from frames cut into equal pieces. Each frame lists its free pieces in themselves, by index; its Frame
/// links it into the list of its class's frames that have any, and holds the first one's index and their number. A frame
/// whose pieces are all free goes back to the allocator.
#include "mm/heap.hpp"

#include "base/address_map.hpp"
#include "base/spinlock.hpp"
#include "mm/allocator.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rf::mm {
namespace {

constexpr unsigned smallest_shift = 5;
constexpr unsigned largest_shift = 11;

/// Frames of one size that have free pieces: frame number + 1, 0 for none.
struct Class {
    std::uint32_t first = 0;
};

constinit Spinlock heap_lock{LockRank::hypervisor_heap};
constinit std::array<Class, largest_shift + 1> classes{};

[[nodiscard]] unsigned class_shift(std::size_t bytes)
{
    unsigned const shift = static_cast<unsigned>(std::bit_width(bytes - 1));
    return shift < smallest_shift ? smallest_shift : shift;
}

[[nodiscard]] std::uint64_t pages_of(std::size_t bytes) { return (bytes + page_size - 1) / page_size; }

/// Gives back the frames first .. first + count - 1 in the largest aligned blocks.
void release_pages(Mfn first, std::uint64_t count)
{
    while (count > 0) {
        unsigned const fits = static_cast<unsigned>(std::bit_width(count)) - 1;
        unsigned const order = std::min(fits, static_cast<unsigned>(std::countr_zero(first.value | 1ull << max_order)));
        allocator.release(first, order);
        first = first + (1ull << order);
        count -= 1ull << order;
    }
}

/// Whole pages: a block, less what is not needed of it.
[[nodiscard]] void* allocate_pages(std::uint64_t pages)
{
    unsigned const order = static_cast<unsigned>(std::bit_width(pages - 1));
    auto const first = allocator.allocate(order, Contents::zeroed);
    if (!first)
        return nullptr;
    release_pages(*first + pages, (1ull << order) - pages);
    return direct(*first);
}

[[nodiscard]] Mfn frame_behind(void* memory)
{
    auto const address = reinterpret_cast<std::uint64_t>(memory);
    return Mfn{(address - reinterpret_cast<std::uint64_t>(direct(Mfn{0}))) >> page_shift};
}

[[nodiscard]] Frame& frame_of(std::uint32_t link) { return frames[Mfn{link - 1ull}]; }
[[nodiscard]] std::uint32_t link_of(Frame const& frame) { return static_cast<std::uint32_t>(frames.number(frame).value + 1); }

/// What a frame's word holds while it is cut: pieces that are free, and the first of them.
struct Pieces {
    std::uint16_t free;
    std::uint16_t first;
    [[nodiscard]] static Pieces of(Frame const& frame)
    {
        std::uint32_t const word = frame.stamp_or_progress.load(relaxed);
        return {static_cast<std::uint16_t>(word >> 16), static_cast<std::uint16_t>(word)};
    }
    void store(Frame& frame) const { frame.stamp_or_progress.store(std::uint32_t{free} << 16 | first, relaxed); }
};

/// Where a free piece keeps the index of the next one.
[[nodiscard]] std::uint16_t& next_of(Frame const& frame, unsigned shift, unsigned piece)
{
    return *reinterpret_cast<std::uint16_t*>(direct(frames.number(frame)) + (std::size_t{piece} << shift));
}

void link(Class& size_class, Frame& frame)
{
    frame.previous = 0;
    frame.next = size_class.first;
    if (frame.next)
        frame_of(frame.next).previous = link_of(frame);
    size_class.first = link_of(frame);
}

void unlink(Class& size_class, Frame& frame)
{
    (frame.previous ? frame_of(frame.previous).next : size_class.first) = frame.next;
    if (frame.next)
        frame_of(frame.next).previous = frame.previous;
    frame.next = frame.previous = 0;
}

[[nodiscard]] void* take_piece(Class& size_class, unsigned shift)
{
    Frame& frame = frame_of(size_class.first);
    Pieces pieces = Pieces::of(frame);
    unsigned const piece = pieces.first;
    pieces = {static_cast<std::uint16_t>(pieces.free - 1), next_of(frame, shift, piece)};
    pieces.store(frame);
    if (pieces.free == 0)
        unlink(size_class, frame);
    return direct(frames.number(frame)) + (std::size_t{piece} << shift);
}

[[nodiscard]] void* allocate_small(unsigned shift)
{
    Class& size_class = classes[shift];
    {
        LockGuard guard(heap_lock);
        if (size_class.first)
            return take_piece(size_class, shift);
    }
    auto const fresh = allocator.allocate(0, Contents::anything);
    if (!fresh)
        return nullptr;
    Frame& frame = frames[*fresh];
    auto const count = static_cast<std::uint16_t>(page_size >> shift);
    for (std::uint16_t piece = 0; piece < count; ++piece)
        next_of(frame, shift, piece) = static_cast<std::uint16_t>(piece + 1);
    Pieces{count, 0}.store(frame);
    LockGuard guard(heap_lock);
    link(size_class, frame);
    return take_piece(size_class, shift);
}

void release_small(void* memory, unsigned shift)
{
    Class& size_class = classes[shift];
    Mfn const mfn = frame_behind(memory);
    Frame& frame = frames[mfn];
    {
        LockGuard guard(heap_lock);
        Pieces const before = Pieces::of(frame);
        auto const piece = static_cast<std::uint16_t>((reinterpret_cast<std::uint64_t>(memory) & ~page_mask) >> shift);
        next_of(frame, shift, piece) = before.first;
        Pieces const now{static_cast<std::uint16_t>(before.free + 1), piece};
        now.store(frame);
        if (before.free == 0)
            link(size_class, frame);
        if (now.free < page_size >> shift)
            return;
        unlink(size_class, frame);
    }
    allocator.release(mfn, 0);
}

} // namespace

void* heap_allocate(std::size_t bytes)
{
    if (bytes == 0 || bytes > (page_size << max_order))
        return nullptr;
    if (bytes <= 1ull << largest_shift) {
        unsigned const shift = class_shift(bytes);
        void* memory = allocate_small(shift);
        if (memory)
            std::memset(memory, 0, 1ull << shift);
        return memory;
    }
    return allocate_pages(pages_of(bytes));
}

std::uint64_t heap_footprint(std::size_t bytes)
{
    return bytes <= 1ull << largest_shift ? 1ull << class_shift(bytes) : pages_of(bytes) * page_size;
}

void heap_release(void* memory, std::size_t bytes)
{
    if (bytes <= 1ull << largest_shift)
        return release_small(memory, class_shift(bytes));
    release_pages(frame_behind(memory), pages_of(bytes));
}

} // namespace rf::mm
