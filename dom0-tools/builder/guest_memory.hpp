// SPDX-License-Identifier: MIT
#pragma once
/// The memory of a guest under construction: which machine frame stands behind each guest frame.
/// The hypervisor hands out pages that hold zeros (it must, or one guest would read another's data), so zeros are not written.

#include <vector>

#include "builder/failure.hpp"
#include "dom0/plan.hpp"
#include "xen/foreign_map.hpp"
#include "xen/memory_control.hpp"

namespace rf::builder {

class GuestMemory {
public:
    GuestMemory(xen::Privcmd& privcmd, xen::DomainId domain) : privcmd_(privcmd), domain_(domain) {}

    /// Gives the domain `pages` frames, in 2 MiB pieces as long as there are any.
    [[nodiscard]] Result<void> populate(std::uint64_t pages);

    [[nodiscard]] std::span<const std::uint64_t> frames() const { return frames_; }
    [[nodiscard]] xen::Mfn frame(Pfn pfn) const { return xen::Mfn(frames_[pfn.value]); }

    /// Maps a run of guest frames writable.
    [[nodiscard]] Result<xen::ForeignMap> map(dom0::PfnRange range) const;
    /// Copies `contents` to the run of frames that begins with `first`, leaving out pages that are all zero.
    [[nodiscard]] Result<void> write(Pfn first, std::span<const std::byte> contents) const;

private:
    [[nodiscard]] Result<std::uint64_t> populate_pieces(std::uint64_t done, std::uint64_t pages, unsigned order);

    xen::Privcmd& privcmd_;
    xen::DomainId domain_;
    std::vector<std::uint64_t> frames_;
};

}  // namespace rf::builder
