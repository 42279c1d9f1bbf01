// SPDX-License-Identifier: MIT
/// Fuzzer of kernel files: bzImage around a payload, six packings, ELF, notes, and the plan made of them; the same code
/// builds Dom0 and guests. Segments must lie in the file, what is unpacked is exactly as large as announced, and a plan
/// holds all its parts, in order.
#include "harness/choices.hpp"

#include "dom0/bzimage.hpp"
#include "dom0/decompress.hpp"
#include "dom0/notes.hpp"
#include "dom0/plan.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

namespace rf::fuzz {
namespace {

using namespace dom0;

constexpr std::uint64_t most_unpacked = 1u << 20;
using View = std::span<std::byte const>;

/// Reads every byte, for AddressSanitizer.
unsigned touch(View bytes)
{
    unsigned sum = 0;
    for (std::byte byte : bytes)
        sum += static_cast<unsigned>(byte);
    return sum;
}

bool within(View part, View whole)
{
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_plan(KernelNotes const& notes, std::uint64_t initrd, std::uint64_t pages)
{
    auto const plan = make_plan(notes, initrd, pages);
    if (!plan)
        return;
    EXPECT_EQ(plan->pages, pages);
    EXPECT_LE(plan->address_of(plan->kernel.first), notes.image_start);
    EXPECT_GE(plan->address_of(plan->kernel.end()), notes.image_end);
    EXPECT_GE(plan->start_info.first, plan->kernel.end());
    EXPECT_EQ(plan->tables.first, plan->start_info.end());
    EXPECT_EQ(plan->stack.first, plan->tables.end());
    EXPECT_LE(plan->stack_top(), plan->window_end);
    EXPECT_GT(plan->window_end, plan->virt_base);
    EXPECT_EQ(plan->tables.count, 1 + plan->table_counts.total());
    EXPECT_GE(plan->pages_needed, plan->window.count);
    EXPECT_GE(plan->p2m.count * page_size, pages * 8);
}

void read_kernel(View kernel, Choices& choices)
{
    auto const elf = ElfFile::open(kernel);
    if (!elf)
        return;
    unsigned segments = 0;
    elf->for_each_segment([&](Segment const& segment) {
        ++segments;
        EXPECT_TRUE(within(segment.contents, kernel));
        EXPECT_LE(segment.contents.size(), segment.memory_bytes);
        touch(segment.contents);
    });
    EXPECT_LE(segments, ElfFile::max_segments);
    elf->for_each_note_segment([&](View notes) { EXPECT_TRUE(within(notes, kernel)); });
    elf->for_each_note_section([&](View notes) { EXPECT_TRUE(within(notes, kernel)); });
    EXPECT_TRUE(within(elf->section("__xen_guest"), kernel));
    auto const notes = read_notes(*elf);
    if (!notes)
        return;
    touch(std::as_bytes(std::span(notes->guest_os)));
    touch(std::as_bytes(std::span(notes->guest_version)));
    EXPECT_LE(notes->image_start, notes->image_end);
    (void)check_dom0_capable(*notes);
    check_plan(*notes, choices.below(1u << 28), choices.below(1u << 22));
}

void run(Bytes bytes)
{
    // The last bytes choose, so that the file begins as files do.
    Bytes const tail = bytes.last(std::min<std::size_t>(bytes.size(), 16));
    Choices choices(tail);
    std::vector<std::byte> const file(reinterpret_cast<std::byte const*>(bytes.data()),
                                      reinterpret_cast<std::byte const*>(bytes.data()) + bytes.size() - tail.size());
    auto const payload = find_payload(file);
    if (!payload)
        return;
    ASSERT_TRUE(within(*payload, file));
    Packing const packing = identify(*payload);
    if (packing == Packing::none)
        return read_kernel(*payload, choices);
    auto const size = unpacked_size(packing, *payload);
    if (!size || *size > most_unpacked)
        return;
    std::vector<std::byte> out(*size);
    constexpr std::size_t alignment = 64;
    std::unique_ptr<void, decltype(&std::free)> const scratch(
        std::aligned_alloc(alignment, (scratch_size() + alignment - 1) / alignment * alignment), std::free);
    if (unpack(packing, *payload, out, {static_cast<std::byte*>(scratch.get()), scratch_size()}))
        read_kernel(out, choices);
}

Registration const registration({"kernel_file", run, 3000});

} // namespace
} // namespace rf::fuzz
