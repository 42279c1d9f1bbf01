// SPDX-License-Identifier: MIT
#pragma once
/// What a paravirtual kernel says about itself: Xen's ELF notes, or the older text section __xen_guest.
/// Source: elfnote.h of the public headers.

#include "dom0/elf.hpp"

#include <optional>

namespace rf::dom0 {

struct KernelNotes {
    std::uint64_t entry = 0;        ///< virtual address of the first instruction
    std::uint64_t virt_base = 0;    ///< virtual address of pseudo-physical address 0
    std::uint64_t paddr_offset = 0; ///< subtracted from each p_paddr
    std::optional<std::uint64_t> hypercall_page; ///< virtual address of the page to fill with hypercall stubs
    std::optional<std::uint64_t> init_p2m;       ///< virtual address wanted for the p2m array
    std::optional<std::uint64_t> hv_start_low;   ///< lowest address that the hypervisor may take
    bool mod_start_pfn = false;  ///< the initrd need not be mapped
    bool pae = false;            ///< PAE_MODE: of no effect here but for one letter in start_info.magic
    bool suspend_cancel = false;
    std::uint64_t l1_valid_mask = 1;  ///< an L1 entry is valid if entry & mask == value
    std::uint64_t l1_valid_value = 1;
    std::uint32_t required_features = 0;                ///< XENFEAT_* bits that the kernel cannot live without
    std::optional<std::uint32_t> supported_features;    ///< XENFEAT_* bits, when it lists them
    std::string_view guest_os;                          ///< these texts lie in the file
    std::string_view guest_version;

    // Where the image lies: from the first segment's first byte to the last one's last, in virtual addresses.
    std::uint64_t image_start = 0;
    std::uint64_t image_end = 0;

    /// The pseudo-physical address (pfn * 4096 + offset) of a segment.
    [[nodiscard]] std::uint64_t pseudo_physical(Segment const& segment) const
    {
        return segment.physical - paddr_offset;
    }
};

/// Finds and checks the notes: by PT_NOTE, else by SHT_NOTE, else __xen_guest.
[[nodiscard]] Parsed<KernelNotes> read_notes(ElfFile const& elf);

/// Whether this kernel can be the first domain.
[[nodiscard]] Checked check_dom0_capable(KernelNotes const& notes);

} // namespace rf::dom0
