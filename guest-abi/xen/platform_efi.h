// SPDX-License-Identifier: MIT
/// Firmware parts of HYPERVISOR_platform_op: information gathered at boot and EFI runtime services.
/// Source: platform.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Values of xenpf_efi_runtime_call.function.
XEN_ABI_ENUM(efi_function, uint32_t) {
    XEN_EFI_get_time = 1,
    XEN_EFI_set_time = 2,
    XEN_EFI_get_wakeup_time = 3,
    XEN_EFI_set_wakeup_time = 4,
    XEN_EFI_get_next_high_monotonic_count = 5,
    XEN_EFI_get_variable = 6,
    XEN_EFI_set_variable = 7,
    XEN_EFI_get_next_variable_name = 8,
    XEN_EFI_query_variable_info = 9,
    XEN_EFI_query_capsule_capabilities = 10,
    XEN_EFI_update_capsule = 11
};

/// Bits of xenpf_efi_runtime_call.misc, by function.
XEN_ABI_ENUM(efi_misc, uint32_t) {
    XEN_EFI_GET_TIME_SET_CLEARS_NS = 1,
    XEN_EFI_GET_WAKEUP_TIME_ENABLED = 1,
    XEN_EFI_GET_WAKEUP_TIME_PENDING = 2,
    XEN_EFI_SET_WAKEUP_TIME_ENABLE = 1,
    XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY = 2,
    XEN_EFI_VARIABLE_NON_VOLATILE = 1,
    XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS = 2,
    XEN_EFI_VARIABLE_RUNTIME_ACCESS = 4,
    XEN_EFI_VARINFO_BOOT_SNAPSHOT = 1
};

/// A time of day as EFI has it. 16 bytes.
struct xenpf_efi_time {
    uint16_t year;
    uint8_t month;
    uint8_t day;
    uint8_t hour;
    uint8_t min;
    uint8_t sec;
    uint32_t ns;
    /// Minutes from UTC.
    int16_t tz;
    uint8_t daylight;
};

XEN_ABI_SIZE(struct xenpf_efi_time, 16)

/// An EFI identifier. 16 bytes.
struct xenpf_efi_guid {
    uint32_t data1;
    uint16_t data2;
    uint16_t data3;
    uint8_t data4[8];
};

XEN_ABI_SIZE(struct xenpf_efi_guid, 16)

/// Call an EFI runtime service.
struct xenpf_efi_runtime_call {
    /// XEN_EFI_<service>.
    uint32_t function;
    /// Bits by function.
    uint32_t misc;
    /// Out: EFI status.
    xen_ulong_t status;
    union {
        struct {
            struct xenpf_efi_time time;
            uint32_t resolution;
            uint32_t accuracy;
        } get_time;
        struct xenpf_efi_time set_time;
        struct xenpf_efi_time get_wakeup_time;
        struct xenpf_efi_time set_wakeup_time;
        struct {
            /// UCS-2 text.
            XEN_HANDLE(void) name;
            /// Bytes of data.
            xen_ulong_t size;
            XEN_HANDLE(void) data;
            struct xenpf_efi_guid vendor_guid;
        } get_variable, set_variable;
        struct {
            xen_ulong_t size;
            XEN_HANDLE(void) name;
            struct xenpf_efi_guid vendor_guid;
        } get_next_variable_name;
        struct {
            uint32_t attr;
            uint64_t max_store_size;
            uint64_t remain_store_size;
            uint64_t max_size;
        } query_variable_info;
        struct {
            XEN_HANDLE(void) capsule_header_array;
            xen_ulong_t capsule_count;
            uint64_t max_capsule_size;
            uint32_t reset_type;
        } query_capsule_capabilities;
        struct {
            XEN_HANDLE(void) capsule_header_array;
            xen_ulong_t capsule_count;
            /// Machine address.
            uint64_t sg_list;
        } update_capsule;
    } u;
};

XEN_ABI_SIZE(struct xenpf_efi_runtime_call, 56)

/// Values of xenpf_firmware_info.type.
XEN_ABI_ENUM(firmware_info_type, uint32_t) {
    /// BIOS drive geometry; index counts drives.
    XEN_FW_DISK_INFO = 1,
    XEN_FW_DISK_MBR_SIGNATURE = 2,
    /// Monitor identification from VESA.
    XEN_FW_VBEDDC_INFO = 3,
    /// index is XEN_FW_EFI_*.
    XEN_FW_EFI_INFO = 4,
    /// Keyboard modifiers at boot.
    XEN_FW_KBD_SHIFT_FLAGS = 5
};

/// Values of xenpf_firmware_info.index for XEN_FW_EFI_INFO.
XEN_ABI_ENUM(firmware_efi_info, uint32_t) {
    XEN_FW_EFI_VERSION = 0,
    XEN_FW_EFI_CONFIG_TABLE = 1,
    XEN_FW_EFI_VENDOR = 2,
    XEN_FW_EFI_MEM_INFO = 3,
    XEN_FW_EFI_RT_VERSION = 4,
    XEN_FW_EFI_PCI_ROM = 5,
    XEN_FW_EFI_APPLE_PROPERTIES = 6
};

/// Facts about EFI, by index.
union xenpf_efi_info {
    uint32_t version;
    struct {
        /// Machine address, and number of entries.
        uint64_t addr;
        uint32_t nent;
    } cfg;
    struct {
        uint32_t revision;
        /// In: bytes of name.
        uint32_t bufsz;
        XEN_HANDLE(void) name;
    } vendor;
    struct {
        /// In: an address; out: the range it lies in.
        uint64_t addr;
        uint64_t size;
        uint64_t attr;
        uint32_t type;
    } mem;
    struct {
        uint16_t segment;
        uint8_t bus;
        uint8_t devfn;
        uint16_t vendor;
        uint16_t devid;
        uint64_t address;
        xen_ulong_t size;
    } pci_rom;
    struct {
        uint64_t address;
        xen_ulong_t size;
    } apple_properties;
};

XEN_ABI_SIZE(union xenpf_efi_info, 32)

/// Ask for firmware information.
struct xenpf_firmware_info {
    /// In: XEN_FW_*.
    uint32_t type;
    /// In: by type.
    uint32_t index;
    union {
        struct {
            uint8_t device;
            uint8_t version;
            uint16_t interface_support;
            uint16_t legacy_max_cylinder;
            uint8_t legacy_max_head;
            uint8_t legacy_sectors_per_track;
            /// Enhanced disk drive parameters; the first two bytes give the room.
            XEN_HANDLE(void) edd_params;
        } disk_info;
        struct {
            uint8_t device;
            uint32_t mbr_signature;
        } disk_mbr_signature;
        struct {
            uint8_t capabilities;
            uint8_t edid_transfer_time;
            /// 128 bytes.
            XEN_HANDLE(uint8_t) edid;
        } vbeddc_info;
        union xenpf_efi_info efi_info;
        uint8_t kbd_shift_flags;
    } u;
};

XEN_ABI_SIZE(struct xenpf_firmware_info, 40)

XEN_ABI_END
