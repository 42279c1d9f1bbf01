// SPDX-License-Identifier: MIT
#pragma once
/// The guest's memory: the window the domain builder has mapped, frame translation, and an allocator of single pages.
///
/// Pseudo-physical frame n is mapped at virtual_base + n * 4096 for every frame of the window. The window holds the image,
/// the p2m array, start_info, the two ring pages, the page tables (read-only) and the boot stack; what follows is free.
/// Owner: the only vCPU. Not to be called from event handlers.

#include <cstddef>
#include <cstdint>

#include "front/doors.hpp"
#include "result.hpp"
#include "xen/start_info.h"

namespace rf::runtime {

using front::page_size;
inline constexpr std::uint64_t virtual_base = 0xffffffff80000000;

/// The guest's own number of a page.
enum class PseudoFrame : std::uint64_t {};
/// The machine's number of a page.
enum class MachineFrame : std::uint64_t {};

class Memory final : public front::Pages {
public:
    /// Learns the window's extent. `boot_stack_end` is RSP at the first instruction. Call once, before anything else here.
    void initialise(const xen::start_info& info, std::uint64_t boot_stack_end);

    /// Pages of the domain, mapped or not.
    [[nodiscard]] std::uint64_t total_pages() const { return total_pages_; }
    /// Pages `allocate` can still hand out.
    [[nodiscard]] std::uint64_t free_pages() const { return window_end_ - next_ + returned_count_; }

    /// A zeroed page, or nullptr when none is left.
    [[nodiscard]] std::byte* allocate() override;
    /// Takes back a page that came from `allocate` and is neither granted nor used otherwise.
    void release(std::byte* page) override;

    /// The machine frame behind an address of the window.
    [[nodiscard]] MachineFrame machine_frame(const void* address) const;
    /// The address of one of the domain's own machine frames, mapped if the frame lies in the window; nullptr if it is not ours.
    [[nodiscard]] std::byte* window_address(MachineFrame frame) const;

    /// Puts a machine frame the hypervisor shares with us in place of the page mapped at `page` (page aligned, our own and
    /// unused). Errors: those of HYPERVISOR_update_va_mapping.
    [[nodiscard]] Result<void> map_shared(void* page, MachineFrame frame);
    /// Makes a page of the image inaccessible for good. Errors as `map_shared`.
    [[nodiscard]] Result<void> make_inaccessible(void* page);

private:
    struct ReturnedPage {
        ReturnedPage* next;
    };

    [[nodiscard]] bool mapped_writable(std::uint64_t address) const;
    [[nodiscard]] static Result<void> set_entry(void* page, std::uint64_t entry);

    std::uint64_t total_pages_ = 0;
    const std::uint64_t* machine_frames_ = nullptr;
    std::uint64_t top_table_ = 0;
    std::uint64_t next_ = 0;
    std::uint64_t window_end_ = 0;
    ReturnedPage* returned_ = nullptr;
    std::uint64_t returned_count_ = 0;
};

extern Memory memory;

}  // namespace rf::runtime
