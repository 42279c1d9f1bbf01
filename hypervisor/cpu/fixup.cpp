// SPDX-License-Identifier: MIT
#include "cpu/fixup.hpp"

extern "C" {
extern rf::cpu::Fixup const fixup_table_start[];
extern rf::cpu::Fixup const fixup_table_end[];
}

namespace rf::cpu {

std::uint64_t find_fixup(std::uint64_t rip)
{
    for (Fixup const* fixup = fixup_table_start; fixup != fixup_table_end; ++fixup)
        if (fixup->faulting == rip)
            return fixup->landing;
    return 0;
}

} // namespace rf::cpu
