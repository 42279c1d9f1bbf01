// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "hypercall.hpp"
#include "xen/mmu.h"

extern "C" std::byte runtime_image_end[];

namespace rf::runtime {

namespace {

constexpr std::uint64_t present = 1 << 0;
constexpr std::uint64_t writable = 1 << 1;
/// Present, writable, user, accessed, dirty: the guest's kernel runs in ring 3 like its user mode.
constexpr std::uint64_t shared_page_bits = present | writable | 1 << 2 | 1 << 5 | 1 << 6;
constexpr std::uint64_t entry_frame_mask = 0x000ffffffffff000;

[[nodiscard]] constexpr std::uint64_t pages_up(std::uint64_t address)
{
    return (address - virtual_base + page_size - 1) / page_size;
}

[[nodiscard]] constexpr std::uint64_t window_of(std::uint64_t frame)
{
    return virtual_base + frame * page_size;
}

}  // namespace

constinit Memory memory;

void Memory::initialise(const xen::start_info& info, std::uint64_t boot_stack_end)
{
    total_pages_ = info.nr_pages;
    machine_frames_ = reinterpret_cast<const std::uint64_t*>(info.mfn_list);
    top_table_ = info.pt_base;

    // the builders differ in the order of their pieces, so the free part starts behind the last of them
    next_ = std::max({pages_up(reinterpret_cast<std::uint64_t>(runtime_image_end)), pages_up(reinterpret_cast<std::uint64_t>(&info + 1)),
                      pages_up(info.pt_base + info.nr_pt_frames * page_size), pages_up(boot_stack_end)});
    if (info.mfn_list >= virtual_base)
        next_ = std::max(next_, pages_up(info.mfn_list + info.nr_pages * sizeof(std::uint64_t)));
    if (info.mod_len != 0 && (info.flags & xen::SIF_MOD_START_PFN) == 0)
        next_ = std::max(next_, pages_up(info.mod_start + info.mod_len));
    window_end_ = next_;
    if ((info.flags & xen::SIF_INITDOMAIN) == 0) {
        for (const std::uint64_t ring : {info.store_mfn, info.console.domU.mfn})
            if (const auto* page = window_address(MachineFrame{ring}); page != nullptr)
                next_ = std::max(next_, pages_up(reinterpret_cast<std::uint64_t>(page) + page_size));
    }
    for (window_end_ = next_; window_end_ < total_pages_ && mapped_writable(window_of(window_end_));)
        ++window_end_;
}

bool Memory::mapped_writable(std::uint64_t address) const
{
    auto table = reinterpret_cast<const std::uint64_t*>(top_table_);
    for (unsigned shift = 39;; shift -= 9) {
        const std::uint64_t entry = table[address >> shift & 511];
        if ((entry & present) == 0 || (entry & writable) == 0)
            return false;
        if (shift == 12)
            return true;
        table = reinterpret_cast<const std::uint64_t*>(window_address(MachineFrame{(entry & entry_frame_mask) / page_size}));
        if (table == nullptr)
            return false;
    }
}

std::byte* Memory::allocate()
{
    std::byte* page = nullptr;
    if (returned_ != nullptr) {
        page = reinterpret_cast<std::byte*>(returned_);
        returned_ = returned_->next;
        --returned_count_;
    } else if (next_ < window_end_) {
        page = reinterpret_cast<std::byte*>(window_of(next_++));
    } else {
        return nullptr;
    }
    std::memset(page, 0, page_size);
    return page;
}

void Memory::release(std::byte* page)
{
    returned_ = new (page) ReturnedPage{returned_};
    ++returned_count_;
}

MachineFrame Memory::machine_frame(const void* address) const
{
    return MachineFrame{machine_frames_[(reinterpret_cast<std::uint64_t>(address) - virtual_base) / page_size]};
}

std::byte* Memory::window_address(MachineFrame frame) const
{
    const auto number = static_cast<std::uint64_t>(frame);
    if (number == 0 || number >= xen::MACH2PHYS_NR_ENTRIES)
        return nullptr;
    const std::uint64_t pseudo = reinterpret_cast<const std::uint64_t*>(xen::MACH2PHYS_VIRT_START)[number];
    if (pseudo >= total_pages_ || machine_frames_[pseudo] != number)
        return nullptr;
    return reinterpret_cast<std::byte*>(window_of(pseudo));
}

Result<void> Memory::map_shared(void* page, MachineFrame frame)
{
    return set_entry(page, static_cast<std::uint64_t>(frame) * page_size | shared_page_bits);
}

Result<void> Memory::make_inaccessible(void* page)
{
    return set_entry(page, 0);
}

Result<void> Memory::set_entry(void* page, std::uint64_t entry)
{
    const auto done = checked(hypercall(xen::HYPERVISOR_update_va_mapping, page, entry, xen::UVMF_INVLPG));
    if (!done)
        return std::unexpected(done.error());
    return {};
}

}  // namespace rf::runtime
