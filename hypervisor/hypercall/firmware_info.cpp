// SPDX-License-Identifier: MIT
#include "hypercall/firmware_info.hpp"

#include "dev/efi.hpp"
#include "guest/access.hpp"

#include <algorithm>

namespace rf::hypercall {
namespace {

Status vendor_name(xen::xenpf_efi_info& info)
{
    auto const& vendor = dev::machine_efi.vendor;
    info.vendor.revision = dev::machine_efi.vendor_revision;
    std::size_t const room = info.vendor.bufsz / sizeof(char16_t);
    if (room == 0)
        return {};
    std::size_t const length = static_cast<std::size_t>(std::ranges::find(vendor, u'\0') - vendor.begin());
    std::size_t const copied = std::min(length, room - 1);
    std::uint64_t const place = info.vendor.name.address;
    TRY(guest::copy_bytes_out(GuestVirtual{place}, vendor.data(), copied * sizeof(char16_t)));
    TRY(guest::clear_bytes(GuestVirtual{place + copied * sizeof(char16_t)}, sizeof(char16_t)));
    info.vendor.bufsz = static_cast<std::uint32_t>(copied * sizeof(char16_t));
    return {};
}

/// Type and attributes of the range that holds an address; the size is cut to where the range ends.
Status memory_info(xen::xenpf_efi_info& info)
{
    auto const found = dev::efi::find_memory(dev::machine_efi, info.mem.addr);
    if (!found)
        return fail(Errno::esrch);
    std::uint64_t const left = found->address + found->bytes() - info.mem.addr;
    info.mem.size = std::min<std::uint64_t>(info.mem.size, left);
    info.mem.attr = found->attributes;
    info.mem.type = found->type;
    return {};
}

Status efi_info(std::uint32_t index, xen::xenpf_efi_info& info)
{
    dev::efi::Firmware const& firmware = dev::machine_efi;
    if (!firmware.present)
        return fail(Errno::enosys);
    switch (index) {
    case xen::XEN_FW_EFI_VERSION: info.version = firmware.specification; return {};
    case xen::XEN_FW_EFI_CONFIG_TABLE:
        info.cfg.addr = firmware.configuration_table;
        info.cfg.nent = firmware.configuration_entries;
        return {};
    case xen::XEN_FW_EFI_VENDOR: return vendor_name(info);
    case xen::XEN_FW_EFI_MEM_INFO: return memory_info(info);
    // No runtime services, option ROMs or Apple properties.
    case xen::XEN_FW_EFI_RT_VERSION:
    case xen::XEN_FW_EFI_PCI_ROM:
    case xen::XEN_FW_EFI_APPLE_PROPERTIES: return fail(Errno::eopnotsupp);
    default: return fail(Errno::einval);
    }
}

} // namespace

Status firmware_info(xen::xenpf_firmware_info& info)
{
    switch (info.type) {
    // The BIOS is never called: there are no drives and no monitor to tell of.
    case xen::XEN_FW_DISK_INFO:
    case xen::XEN_FW_DISK_MBR_SIGNATURE:
    case xen::XEN_FW_VBEDDC_INFO: return fail(Errno::esrch);
    case xen::XEN_FW_EFI_INFO: return efi_info(info.index, info.u.efi_info);
    case xen::XEN_FW_KBD_SHIFT_FLAGS:
        if (info.index != 0)
            return fail(Errno::esrch);
        info.u.kbd_shift_flags = 0;
        return {};
    default: return fail(Errno::einval);
    }
}

} // namespace rf::hypercall
