// SPDX-License-Identifier: MIT
#pragma once
/// Puts the first domain's kernel, initrd, page tables and start_info into frames of its own. What comes out is what the
/// toolstack would make for any other domain; nothing is validated or pinned yet.

#include "dom0/request.hpp"
#include "mm/domain_memory.hpp"

namespace rf::dom0 {

/// Where the new kernel starts.
struct BuiltImage {
    Mfn root;                       ///< top-level page table
    std::uint64_t entry = 0;        ///< virtual addresses
    std::uint64_t stack_top = 0;
    std::uint64_t start_info = 0;
    std::uint64_t pages = 0;        ///< of the domain
};

/// Builds into `memory`, which must be empty. `shared_info` is the domain's shared page. One log line tells what was wrong:
/// Errno::einval (the kernel), Errno::e2big (command line), Errno::enomem, Errno::enospc (memory too scattered).
[[nodiscard]] Result<BuiltImage> build_image(mm::DomainMemory& memory, Mfn shared_info, Request const& request);

} // namespace rf::dom0
