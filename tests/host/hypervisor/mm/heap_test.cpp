// SPDX-License-Identifier: MIT
// The hypervisor's heap: pieces of all sizes come and go in any order. None overlaps another, each is aligned to its size and
// zeroed, and when all are given back the machine has as many free frames as before.
#include "../event/machine.hpp"
#include "mm/heap.hpp"

#include <cstring>
#include <random>

namespace rf::mm_tests {
namespace {

struct Object {
    std::byte* memory;
    std::size_t bytes;
    std::uint8_t mark;
};

TEST(Heap, PiecesComeAndGoAndLeaveNothing)
{
    testing_machine::ensure();
    std::uint64_t const free = mm::allocator.free_frames();
    std::mt19937 random{7};
    std::vector<Object> objects;
    auto const give_back = [&](std::size_t index) {
        Object const object = objects[index];
        for (std::size_t i = 0; i < object.bytes; ++i)
            ASSERT_EQ(object.memory[i], std::byte{object.mark}) << "written by somebody else";
        mm::heap_release(object.memory, object.bytes);
        objects[index] = objects.back();
        objects.pop_back();
    };
    for (unsigned step = 0; step < 20'000; ++step) {
        if (!objects.empty() && (objects.size() > 200 || random() % 2)) {
            ASSERT_NO_FATAL_FAILURE(give_back(random() % objects.size()));
            continue;
        }
        std::size_t const bytes = 1 + random() % (random() % 8 ? 2048 : 20'000);
        auto* const memory = static_cast<std::byte*>(mm::heap_allocate(bytes));
        ASSERT_NE(memory, nullptr);
        std::size_t const alignment = bytes > 2048 ? page_size : std::max<std::size_t>(std::bit_ceil(bytes), 32);
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0u) << bytes;
        for (std::size_t i = 0; i < bytes; ++i)
            ASSERT_EQ(memory[i], std::byte{0}) << "not zeroed";
        auto const mark = static_cast<std::uint8_t>(1 + random() % 255);
        std::memset(memory, mark, bytes);
        objects.push_back({memory, bytes, mark});
    }
    while (!objects.empty())
        ASSERT_NO_FATAL_FAILURE(give_back(objects.size() - 1));
    EXPECT_EQ(mm::allocator.free_frames(), free);
}

TEST(Heap, WhatCannotBeHadIsRefused)
{
    testing_machine::ensure();
    EXPECT_EQ(mm::heap_allocate(0), nullptr);
    EXPECT_EQ(mm::heap_allocate((page_size << mm::max_order) + 1), nullptr);
}

} // namespace
} // namespace rf::mm_tests
