// SPDX-License-Identifier: MIT
/// Small objects come from frames cut into equal pieces; a piece goes back to its class's free list. Frames of a class are
/// kept: the hypervisor's object counts are bounded by domains and their quotas.
#include "mm/heap.hpp"

#include "base/address_map.hpp"
#include "base/spinlock.hpp"
#include "mm/allocator.hpp"

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

[[nodiscard]] unsigned page_order(std::size_t bytes)
{
    std::size_t const pages = (bytes + page_size - 1) / page_size;
    return static_cast<unsigned>(std::bit_width(pages - 1));
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
    auto const frame = allocator.allocate(page_order(bytes), Contents::zeroed);
    return frame ? direct(*frame) : nullptr;
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
    allocator.release(frame_behind(memory), page_order(bytes));
}

} // namespace rf::mm
