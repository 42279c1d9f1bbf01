// SPDX-License-Identifier: MIT
#include "boot/access_gate.hpp"

#include "base/log.hpp"
#include "boot/image.hpp"
#include "cpu/control.hpp"

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
        std::uint8_t const instruction[]{0x0f, 0x01, static_cast<std::uint8_t>(site->last_byte)};
        write_code(reinterpret_cast<void const*>(site->address), instruction);
    }
    cpu::use_access_gate();
    log::info("cpu: guests' memory is out of our reach but for copies (SMAP)");
}
