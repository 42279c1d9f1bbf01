// SPDX-License-Identifier: MIT
#include "boot/access_gate.hpp"

#include "base/address_map.hpp"
#include "base/log.hpp"
#include "boot/image.hpp"
#include "cpu/control.hpp"
#include "cpu/insn.hpp"

#include <cstring>

namespace rf::boot {
namespace {

/// As cpu/access_gate.h writes them.
struct AccessSite {
    std::uint64_t address;
    std::uint64_t last_byte;
};

} // namespace
} // namespace rf::boot

extern "C" {
extern rf::boot::AccessSite const access_sites_start[];
extern rf::boot::AccessSite const access_sites_end[];
}

void rf::boot::set_access_gate(cpu::Setting wish)
{
    if (!cpu::wants_access_gate(cpu::host(), wish))
        return;
    for (AccessSite const* site = access_sites_start; site != access_sites_end; ++site) {
        std::byte const instruction[]{std::byte{0x0f}, std::byte{0x01}, static_cast<std::byte>(site->last_byte)};
        MachineAddress const place = image_physical(reinterpret_cast<void const*>(site->address));
        std::memcpy(direct(place.frame()) + place.value % page_size, instruction, sizeof instruction);
    }
    (void)cpu::cpuid(0); // nothing fetched before is executed after
    cpu::use_access_gate();
    log::info("cpu: guests' memory is out of our reach but for copies (SMAP)");
}
