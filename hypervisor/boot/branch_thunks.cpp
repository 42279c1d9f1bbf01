// SPDX-License-Identifier: MIT
#include "boot/branch_thunks.hpp"

#include "base/address_map.hpp"
#include "boot/image.hpp"
#include "cpu/insn.hpp"

#include <cstring>

extern "C" {
extern std::byte const branch_thunks_start[];
}

namespace rf::boot {

void set_branch_thunks(cpu::IndirectBranch how)
{
    for (unsigned reg = 0; reg < branch_thunks; ++reg) {
        BranchBytes const code = branch_bytes(how, reg);
        MachineAddress const place = image_physical(branch_thunks_start + reg * branch_thunk_bytes);
        std::memcpy(direct(place.frame()) + place.value % page_size, code.bytes.data(), code.size);
    }
    (void)cpu::cpuid(0); // nothing fetched before is executed after
}

} // namespace rf::boot
