// SPDX-License-Identifier: MIT
#include "dom0/image_loader.hpp"

#include "base/address_map.hpp"
#include "pvcpu/hypercall_page.hpp"

#include <cstring>

namespace rf::dom0 {
namespace {

/// Calls function(std::byte* where, std::size_t count) for each contiguous piece of [to, to + bytes).
template <class Function>
void for_each_piece(FrameList const& frames, std::uint64_t to, std::uint64_t bytes, Function function)
{
    if (bytes == 0)
        return;
    Pfn const first{to >> page_shift};
    std::uint64_t const pages = ((to + bytes - 1) >> page_shift) - first.value + 1;
    std::uint64_t skip = to % page_size;
    frames.for_each_run({first, pages}, [&](Pfn, Mfn mfn, std::uint64_t count) {
        std::uint64_t const room = (count << page_shift) - skip;
        std::uint64_t const piece = std::min(room, bytes);
        function(direct(mfn) + skip, piece);
        bytes -= piece;
        skip = 0;
    });
}

} // namespace

void write_frames(FrameList const& frames, std::uint64_t to, std::span<std::byte const> bytes)
{
    for_each_piece(frames, to, bytes.size(), [&](std::byte* where, std::size_t count) {
        std::memcpy(where, bytes.data(), count);
        bytes = bytes.subspan(count);
    });
}

void load_segments(ElfFile const& elf, KernelNotes const& notes, FrameList const& frames)
{
    elf.for_each_segment([&](Segment const& segment) {
        std::uint64_t const to = notes.pseudo_physical(segment);
        write_frames(frames, to, segment.contents);
        // Frames begin as zeros, but segments may overlap in pages or wholly.
        for_each_piece(frames, to + segment.contents.size(), segment.memory_bytes - segment.contents.size(),
                       [](std::byte* where, std::size_t count) { std::memset(where, 0, count); });
    });
    if (notes.hypercall_page) {
        Pfn const pfn{(*notes.hypercall_page - notes.virt_base) >> page_shift};
        pvcpu::write_hypercall_page(std::span<std::byte, page_size>(direct(frames[pfn]), page_size));
    }
}

} // namespace rf::dom0
