// SPDX-License-Identifier: MIT
/// Small objects come from frames cut into equal pieces; a piece goes back to its class's free list. Frames of a class are
/// kept: the hypervisor's object counts are bounded by domains and their quotas.
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

struct Piece {
    Piece* next;
};

constexpr unsigned smallest_shift = 5;
constexpr unsigned largest_shift = 11;

struct Class {
    Piece* free = nullptr;
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

[[nodiscard]] void* allocate_small(unsigned shift)
{
    Class& size_class = classes[shift];
    {
        LockGuard guard(heap_lock);
        if (Piece* piece = size_class.free) {
            size_class.free = piece->next;
            return piece;
        }
    }
    auto const frame = allocator.allocate(0, Contents::anything);
    if (!frame)
        return nullptr;
    std::byte* const base = direct(*frame);
    LockGuard guard(heap_lock);
    for (std::size_t at = 1ull << shift; at < page_size; at += 1ull << shift) {
        auto* piece = reinterpret_cast<Piece*>(base + at);
        piece->next = size_class.free;
        size_class.free = piece;
    }
    return base;
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

void heap_release(void* memory, std::size_t bytes)
{
    if (bytes <= 1ull << largest_shift) {
        Class& size_class = classes[class_shift(bytes)];
        auto* piece = static_cast<Piece*>(memory);
        LockGuard guard(heap_lock);
        piece->next = size_class.free;
        size_class.free = piece;
        return;
    }
    release_pages(frame_behind(memory), pages_of(bytes));
}

} // namespace rf::mm
