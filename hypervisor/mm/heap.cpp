// SPDX-License-Identifier: MIT
/// Small objects come from frames cut into equal pieces. Each frame lists its free pieces in themselves, by index; its word
/// holds the first one's index and their number. That first piece also links the frame into the list of its class's frames
/// that have any. A frame whose pieces are all free goes back to the allocator.
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

[[nodiscard]] Mfn mfn_of(std::uint32_t link) { return Mfn{link - 1ull}; }
[[nodiscard]] std::uint32_t link_of(Mfn mfn) { return static_cast<std::uint32_t>(mfn.value + 1); }

/// A piece that is free.
struct FreePiece {
    std::uint32_t next_frame; ///< links of the frame, while this is its first free piece: frame number + 1, 0 for none
    std::uint32_t previous_frame;
    std::uint16_t next;       ///< index of the frame's next free piece
};
static_assert(sizeof(FreePiece) <= 1u << smallest_shift);

/// What a frame's word holds while it is cut: how many pieces are free, and the first of them. It has no references.
struct Pieces {
    std::uint8_t free;
    std::uint8_t first;
    [[nodiscard]] static Pieces of(Mfn mfn)
    {
        std::uint32_t const field = frames[mfn].load().field();
        return {static_cast<std::uint8_t>(field >> 8), static_cast<std::uint8_t>(field)};
    }
    void store(Mfn mfn) const
    {
        frames[mfn].state.store(FrameState{}.idle_since(std::uint32_t{free} << 8 | first).word(), relaxed);
    }
};
static_assert(page_size >> smallest_shift <= 0xff);

[[nodiscard]] FreePiece& piece_at(Mfn mfn, unsigned shift, unsigned piece)
{
    return *reinterpret_cast<FreePiece*>(direct(mfn) + (std::size_t{piece} << shift));
}
/// The piece that holds the links of a frame on its class's list.
[[nodiscard]] FreePiece& head_of(Mfn mfn, unsigned shift) { return piece_at(mfn, shift, Pieces::of(mfn).first); }

void link(Class& size_class, unsigned shift, Mfn mfn)
{
    FreePiece& head = head_of(mfn, shift);
    head.previous_frame = 0;
    head.next_frame = size_class.first;
    if (head.next_frame)
        head_of(mfn_of(head.next_frame), shift).previous_frame = link_of(mfn);
    size_class.first = link_of(mfn);
}

void unlink(Class& size_class, unsigned shift, FreePiece const& head)
{
    (head.previous_frame ? head_of(mfn_of(head.previous_frame), shift).next_frame : size_class.first) = head.next_frame;
    if (head.next_frame)
        head_of(mfn_of(head.next_frame), shift).previous_frame = head.previous_frame;
}

[[nodiscard]] void* take_piece(Class& size_class, unsigned shift)
{
    Mfn const mfn = mfn_of(size_class.first);
    Pieces const before = Pieces::of(mfn);
    FreePiece& taken = piece_at(mfn, shift, before.first);
    if (before.free == 1) {
        unlink(size_class, shift, taken);
    } else {
        FreePiece& head = piece_at(mfn, shift, taken.next);
        head.next_frame = taken.next_frame;
        head.previous_frame = taken.previous_frame;
    }
    Pieces{static_cast<std::uint8_t>(before.free - 1), static_cast<std::uint8_t>(taken.next)}.store(mfn);
    return &taken;
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
    auto const count = static_cast<std::uint8_t>(page_size >> shift);
    for (unsigned piece = 0; piece < count; ++piece)
        piece_at(*fresh, shift, piece).next = static_cast<std::uint16_t>(piece + 1);
    Pieces{count, 0}.store(*fresh);
    LockGuard guard(heap_lock);
    link(size_class, shift, *fresh);
    return take_piece(size_class, shift);
}

void release_small(void* memory, unsigned shift)
{
    Class& size_class = classes[shift];
    Mfn const mfn = frame_behind(memory);
    {
        LockGuard guard(heap_lock);
        Pieces const before = Pieces::of(mfn);
        auto const piece = static_cast<std::uint8_t>((reinterpret_cast<std::uint64_t>(memory) & ~page_mask) >> shift);
        FreePiece& freed = piece_at(mfn, shift, piece);
        freed.next = before.first;
        Pieces const now{static_cast<std::uint8_t>(before.free + 1), piece};
        if (before.free == 0) {
            now.store(mfn);
            link(size_class, shift, mfn);
        } else {
            FreePiece const& head = piece_at(mfn, shift, before.first);
            freed.next_frame = head.next_frame;
            freed.previous_frame = head.previous_frame;
            now.store(mfn);
        }
        if (now.free < page_size >> shift)
            return;
        unlink(size_class, shift, freed);
        frames[mfn].state.store(0, relaxed);
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
