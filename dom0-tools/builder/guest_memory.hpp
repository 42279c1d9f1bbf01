// SPDX-License-Identifier: MIT
#pragma once
/// The memory of a guest under construction: which machine frame stands behind each guest frame.
/// Fresh pages may hold anything (Xen with bootscrub=0 hands out what boot left there), so zeros that count are written: the
/// hypervisor clears such pages itself, which costs less than mapping them.

#include <vector>

#include "builder/failure.hpp"
#include "builder/source.hpp"
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
    /// Fills the run of frames that begins with `first` with `contents`, then zeros up to `bytes` and to the page's end.
    [[nodiscard]] Result<void> write(Pfn first, const Source& contents, std::uint64_t bytes) const;

private:
    [[nodiscard]] Result<void> clear(std::span<const std::uint64_t> frames) const;
    [[nodiscard]] Result<std::uint64_t> populate_pieces(std::uint64_t done, std::uint64_t pages, unsigned order);

    xen::Privcmd& privcmd_;
    xen::DomainId domain_;
    std::vector<std::uint64_t> frames_;
};

}  // namespace rf::builder
