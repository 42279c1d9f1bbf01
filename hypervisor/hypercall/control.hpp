// SPDX-License-Identifier: MIT
#pragma once
/// What domctl and sysctl have in common: a structure is copied in once, the operation works on the copy, and the whole
/// structure is copied back when the operation returns data. Only the control domain gets here.

#include "base/cpu_mask.hpp"
#include "hypercall/call.hpp"
#include "xen/domctl.h"

#include <cstring>

namespace rf::hypercall {

/// What becomes of the caller's structure after an operation that did not fail.
enum class Reply : std::uint8_t {
    none,     ///< nothing to tell
    data,     ///< copy it back
    unfinished, ///< as data, then run the operation again: progress is in the structure (ProgressMark)
};

/// How far an operation on long data has come, kept in the unused last bytes of the caller's own structure while the
/// operation is interrupted; cleared when it ends. A caller who forges it skips part of its own request.
template <class Structure>
class ProgressMark {
public:
    explicit ProgressMark(Structure& structure) : place_(structure.u.pad + sizeof structure.u.pad - sizeof(Mark)) {}

    /// Takes the mark out of the structure: where to go on, 0 for a new request.
    [[nodiscard]] std::uint64_t take()
    {
        Mark mark;
        std::memcpy(&mark, place_, sizeof mark);
        if (mark.magic != magic)
            return 0;
        std::memset(place_, 0, sizeof mark);
        return mark.done;
    }
    void put(std::uint64_t done)
    {
        Mark const mark{magic, done};
        std::memcpy(place_, &mark, sizeof mark);
    }

private:
    struct Mark {
        std::uint64_t magic, done;
    };
    static constexpr std::uint64_t magic = 0x5247'7261'705f'6d6full;
    std::uint8_t* place_;
};

// control_bitmap.cpp: sets of CPUs or nodes in the caller's memory

/// Errno::efault. Bits beyond 63 are ignored.
[[nodiscard]] Result<CpuMask> read_bitmap(xen::xenctl_bitmap const& bitmap);
/// Writes all bytes of the caller's bitmap, up to a page. Errno::efault.
[[nodiscard]] Status write_bitmap(xen::xenctl_bitmap const& bitmap, CpuMask mask);

// control_info.cpp

/// Describes a domain as getdomaininfo does.
[[nodiscard]] xen::xen_domctl_getdomaininfo describe(domain::Domain const& domain);

} // namespace rf::hypercall
