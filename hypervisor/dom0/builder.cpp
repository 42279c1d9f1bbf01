// SPDX-License-Identifier: MIT
#include "dom0/builder.hpp"

#include "base/address_map.hpp"
#include "base/log.hpp"
#include "dom0/boot_block.hpp"
#include "dom0/bzimage.hpp"
#include "dom0/decompress.hpp"
#include "dom0/image_loader.hpp"
#include "dom0/low_memory_reserve.hpp"
#include "dom0/memory_size.hpp"
#include "dom0/page_tables.hpp"
#include "dom0/start_info.hpp"
#include "mm/allocator.hpp"

#include <algorithm>

namespace rf::dom0 {
namespace {

constexpr std::uint64_t to_mebibytes(std::uint64_t pages) { return pages >> (20 - page_shift); }
/// Frames that stay free for the hypervisor's own small allocations while the reserve for exchanges is held.
constexpr std::uint64_t working_frames = (2ull << 20) >> page_shift;

std::span<std::byte const> contents(Module const& module)
{
    return {direct(module.start.frame()) + module.start.offset(), module.bytes};
}

/// One construction, step by step; each step says itself why it failed.
class Builder {
public:
    Builder(mm::DomainMemory& memory, Mfn shared_info, Request const& request)
        : memory_(memory), shared_info_(shared_info), request_(request)
    {
    }
    Result<BuiltImage> build();

private:
    Status unpack_kernel();
    Status read_kernel();
    Status draw_up();
    Status take_frames_up_to(Pfn end, mm::Contents contents = mm::Contents::zeroed);
    Status take_initrd();
    Status take_memory();
    Status write_tables();
    void report() const;

    mm::DomainMemory& memory_;
    Mfn shared_info_;
    Request const& request_;

    BootBlock unpacked_;
    std::span<std::byte const> file_;
    ElfFile elf_;
    KernelNotes notes_;
    Plan plan_;
    std::uint64_t spare_ = 0; ///< frames that stay free
    FrameList frames_;
};

[[nodiscard]] std::unexpected<Errno> refuse_kernel(Problem problem)
{
    log::error("Dom0 kernel: ", problem.what);
    return fail(Errno::einval);
}

Status Builder::unpack_kernel()
{
    auto const payload = find_payload(contents(request_.kernel));
    if (!payload)
        return refuse_kernel(payload.error());
    Packing const packing = identify(*payload);
    if (packing == Packing::none) {
        file_ = *payload;
        return {};
    }
    auto const size = unpacked_size(packing, *payload);
    if (!size)
        return refuse_kernel(size.error());
    auto scratch = BootBlock::make(scratch_size());
    auto block = BootBlock::make(*size);
    if (!scratch || !block) {
        log::error("Dom0 kernel: no contiguous ", (*size >> 20) + 1, " MiB of free memory to unpack it");
        return fail(Errno::enomem);
    }
    std::span<std::byte> const out = block->bytes().first(*size);
    if (auto const done = unpack(packing, *payload, out, scratch->bytes()); !done)
        return refuse_kernel(done.error());
    log::info("Dom0 kernel: ", name_of(packing), ", ", payload->size() >> 10, " KiB unpacked to ", *size >> 10, " KiB");
    unpacked_ = std::move(*block);
    file_ = out;
    return {};
}

Status Builder::read_kernel()
{
    auto const elf = ElfFile::open(file_);
    if (!elf)
        return refuse_kernel(elf.error());
    auto const notes = read_notes(*elf);
    if (!notes)
        return refuse_kernel(notes.error());
    if (auto const capable = check_dom0_capable(*notes); !capable)
        return refuse_kernel(capable.error());
    elf_ = *elf;
    notes_ = *notes;
    // Now, because the names point into the unpacked file.
    log::info("Dom0 kernel: ", notes_.guest_os, " ", notes_.guest_version, " at ", log::Hex{notes_.image_start}, "-",
              log::Hex{notes_.image_end}, ", entry ", log::Hex{notes_.entry});
    return {};
}

Status Builder::draw_up()
{
    // The initrd's frames become the domain's own and count as part of its memory.
    std::uint64_t const available =
        mm::allocator.free_frames() + unpacked_.pages() + pages_of(request_.initrd.bytes);
    MemorySize const size = choose_memory_size(request_, available);
    auto const plan = make_plan(notes_, request_.initrd.bytes, size.pages);
    if (!plan)
        return refuse_kernel(plan.error());
    if (plan->pages_needed > size.pages) {
        log::error("Dom0: kernel, initrd and tables need ", to_mebibytes(plan->pages_needed) + 1,
                   " MiB, but it gets only ", to_mebibytes(size.pages), " of ", to_mebibytes(available),
                   " MiB free memory (see dom0_mem=)");
        return fail(Errno::enomem);
    }
    plan_ = *plan;
    spare_ = available - plan_.pages;
    memory_.set_limit(size.limit);
    return {};
}

Status Builder::take_frames_up_to(Pfn end, mm::Contents contents)
{
    if (end.value <= frames_.size())
        return {};
    Status const done = frames_.allocate(memory_, end.value - frames_.size(), contents);
    if (!done && done.error() == Errno::enospc)
        log::error("Dom0: free memory is in too many pieces to build from");
    else if (!done)
        log::error("Dom0: out of memory after ", to_mebibytes(frames_.size()), " of ", to_mebibytes(plan_.pages),
                   " MiB");
    return done;
}

Status Builder::take_initrd()
{
    Module const& initrd = request_.initrd;
    std::uint64_t const pages = pages_of(initrd.bytes);
    if (pages == 0)
        return {};
    if (initrd.start.offset()) {
        log::error("Dom0: the initrd does not begin on a page");
        return fail(Errno::einval);
    }
    Mfn const first = initrd.start.frame();
    TRY(frames_.append(first, pages));
    memory_.take_over(first, pages);
    std::byte* const end = direct(first) + initrd.bytes;
    std::fill(end, direct(first + pages), std::byte{0});
    return {};
}

/// Takes all memory and puts the kernel into it. The kernel goes first, so that what it was unpacked to is free again for
/// the rest.
Status Builder::take_memory()
{
    auto frames = FrameList::make();
    if (!frames) {
        log::error("Dom0: out of memory");
        return fail(frames.error());
    }
    frames_ = std::move(*frames);
    TRY(take_frames_up_to(std::min(plan_.initrd.first, plan_.window.end())));
    TRY(take_initrd());
    TRY(take_frames_up_to(plan_.window.end()));
    load_segments(elf_, notes_, frames_);
    unpacked_.release();
    LowMemoryReserve const reserve(spare_ - std::min(spare_, working_frames));
    // Behind the initrd come the p2m and its tables, which must begin as zeros; the bulk need not: nobody owned it before.
    TRY(take_frames_up_to(plan_.p2m_tables.end()));
    return take_frames_up_to(Pfn{plan_.pages}, mm::Contents::anything);
}

Status Builder::write_tables()
{
    if (auto const done = write_start_info(plan_, frames_, notes_, request_, shared_info_); !done) {
        log::error("Dom0: its command line is longer than 1023 bytes");
        return done;
    }
    write_translations(plan_, frames_);
    write_page_tables(plan_, frames_);
    return {};
}

void Builder::report() const
{
    log::info("Dom0 memory: ", plan_.pages, " pages (", to_mebibytes(plan_.pages), " MiB), initrd ",
              request_.initrd.bytes >> 10, " KiB at pfn ", plan_.initrd.first, ", p2m at ",
              log::Hex{plan_.p2m_address}, ", ", plan_.tables.count, " page tables at ",
              log::Hex{plan_.address_of(plan_.tables.first)}, ", stack ends at ", log::Hex{plan_.stack_top()});
}

Result<BuiltImage> Builder::build()
{
    TRY(unpack_kernel());
    TRY(read_kernel());
    TRY(draw_up());
    TRY(take_memory());
    TRY(write_tables());
    report();

    BuiltImage image;
    image.root = frames_[plan_.tables.first];
    image.entry = notes_.entry;
    image.stack_top = plan_.stack_top();
    image.start_info = plan_.address_of(plan_.start_info.first);
    image.pages = plan_.pages;
    return image;
}

} // namespace

Result<BuiltImage> build_image(mm::DomainMemory& memory, Mfn shared_info, Request const& request)
{
    return Builder(memory, shared_info, request).build();
}

} // namespace rf::dom0
