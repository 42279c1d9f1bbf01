// SPDX-License-Identifier: MIT
#include "boot/branch_thunks.hpp"

#include "boot/image.hpp"

extern "C" {
extern std::byte const branch_thunks_start[];
}

namespace rf::boot {

void set_branch_thunks(cpu::IndirectBranch how)
{
    for (unsigned reg = 0; reg < branch_thunks; ++reg) {
        BranchBytes const code = branch_bytes(how, reg);
        write_code(branch_thunks_start + reg * branch_thunk_bytes, std::span(code.bytes).first(code.size));
    }
}

} // namespace rf::boot
