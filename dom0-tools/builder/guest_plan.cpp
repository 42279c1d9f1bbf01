// SPDX-License-Identifier: MIT
#include "builder/guest_plan.hpp"

namespace rf::builder {
namespace {

constexpr std::uint64_t special_pages = 2;  ///< store ring and console ring

std::string mebibytes(std::uint64_t pages)
{
    const std::uint64_t per_mebibyte = (1u << 20) / page_size;
    return std::to_string((pages + per_mebibyte - 1) / per_mebibyte) + " MiB";
}

}  // namespace

Result<GuestPlan> make_guest_plan(const dom0::KernelNotes& notes, std::uint64_t initrd_bytes, std::uint64_t pages)
{
    // The two rings are planned as the image's last pages: mapped like it, and no more special than that.
    dom0::KernelNotes extended = notes;
    extended.image_end = ((notes.image_end + page_size - 1) & page_mask) + special_pages * page_size;
    auto places = dom0::make_plan(extended, initrd_bytes, pages);
    if (!places)
        return fail(Kind::invalid, "the kernel cannot be placed: " + std::string(places.error().what));
    if (places->pages_needed > pages)
        return fail(Kind::invalid, "<memory> is too small: kernel, initrd and page tables take " + mebibytes(places->pages_needed) +
                                       ", the domain has " + mebibytes(pages));
    places->kernel.count -= special_pages;
    const Pfn store = places->kernel.end();
    return GuestPlan{*places, store, store + 1};
}

}  // namespace rf::builder
