// SPDX-License-Identifier: MIT
#pragma once
/// Which machine frame is behind each pseudo-physical frame of the domain being built: runs of contiguous frames, since
/// memory is taken in the largest blocks there are.

#include "base/result.hpp"
#include "dom0/plan.hpp"
#include "mm/domain_memory.hpp"
#include "mm/heap.hpp"

#include <algorithm>

namespace rf::dom0 {

class FrameList {
public:
    /// Room for `capacity` runs. Errno::enomem.
    [[nodiscard]] static Result<FrameList> make(std::size_t capacity = 4096);

    /// The next `count` pseudo-physical frames are the machine frames from `first`. Errno::enospc: too many runs.
    [[nodiscard]] Status append(Mfn first, std::uint64_t count);
    /// Allocates the next `count` frames for the domain, in blocks as large as there are; Errno::enomem, Errno::enospc.
    [[nodiscard]] Status allocate(mm::DomainMemory& memory, std::uint64_t count,
                                  mm::Contents contents = mm::Contents::zeroed);

    /// The machine frame behind `pfn`, which must be below size().
    [[nodiscard]] Mfn operator[](Pfn pfn) const;
    [[nodiscard]] std::uint64_t size() const { return size_; }

    /// Calls function(first pfn, first mfn, count) for the runs that make up `range`, in order.
    template <class Function>
    void for_each_run(PfnRange range, Function function) const
    {
        for (std::size_t i = index_of(range.first); range.count; ++i) {
            Run const& run = runs_[i];
            std::uint64_t const skip = range.first.value - run.pfn;
            std::uint64_t const count = std::min(run.count - skip, range.count);
            function(range.first, Mfn{run.mfn + skip}, count);
            range = {range.first + count, range.count - count};
        }
    }

private:
    struct Run {
        std::uint64_t pfn, mfn, count;
    };
    /// The run that holds `pfn`.
    [[nodiscard]] std::size_t index_of(Pfn pfn) const;

    mm::Array<Run> runs_;
    std::size_t used_ = 0;
    std::uint64_t size_ = 0;
};

} // namespace rf::dom0
