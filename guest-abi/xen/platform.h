// SPDX-License-Identifier: MIT
/// HYPERVISOR_platform_op: the control domain's hold on the physical platform. A wrong
/// interface_version is refused with -EACCES. Source: platform.h.
#pragma once

#include "xen/abi.h"
#include "xen/platform_efi.h"
#include "xen/platform_power.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(platform_version, uint32_t) {
    XENPF_INTERFACE_VERSION = 0x03000001
};

/// Sub-operations; the comment names the member of xen_platform_op.u.
XEN_ABI_ENUM(platform_command, uint32_t) {
    /// settime32.
    XENPF_settime32 = 17,
    /// add_memtype.
    XENPF_add_memtype = 31,
    /// del_memtype.
    XENPF_del_memtype = 32,
    /// read_memtype.
    XENPF_read_memtype = 33,
    /// microcode.
    XENPF_microcode_update = 35,
    /// platform_quirk.
    XENPF_platform_quirk = 39,
    /// pcpu_version.
    XENPF_get_cpu_version = 48,
    /// efi_runtime_call.
    XENPF_efi_runtime_call = 49,
    /// firmware_info.
    XENPF_firmware_info = 50,
    /// enter_acpi_sleep.
    XENPF_enter_acpi_sleep = 51,
    /// change_freq.
    XENPF_change_freq = 52,
    /// getidletime.
    XENPF_getidletime = 53,
    /// set_pminfo.
    XENPF_set_processor_pminfo = 54,
    /// pcpu_info.
    XENPF_get_cpuinfo = 55,
    /// cpu_ol.
    XENPF_cpu_online = 56,
    /// cpu_ol.
    XENPF_cpu_offline = 57,
    /// cpu_add.
    XENPF_cpu_hotadd = 58,
    /// mem_add.
    XENPF_mem_hotadd = 59,
    /// core_parking.
    XENPF_core_parking = 60,
    /// resource_op.
    XENPF_resource_op = 61,
    /// settime64.
    XENPF_settime64 = 62,
    /// symdata.
    XENPF_get_symbol = 63,
    XENPF_settime = XENPF_settime64
};

/// Set the wall clock to secs.nsecs at the given system time. 16 bytes.
struct xenpf_settime32 {
    /// Seconds since 1970.
    uint32_t secs;
    uint32_t nsecs;
    /// Nanoseconds.
    uint64_t system_time;
};

XEN_ABI_SIZE(struct xenpf_settime32, 16)

/// As xenpf_settime32, beyond the year 2106. 24 bytes.
struct xenpf_settime64 {
    uint64_t secs;
    uint32_t nsecs;
    /// Must be zero.
    uint32_t mbz;
    uint64_t system_time;
};

XEN_ABI_SIZE(struct xenpf_settime64, 24)

/// Set a memory type range register. 32 bytes.
struct xenpf_add_memtype {
    xen_pfn_t mfn;
    uint64_t nr_mfns;
    /// Type as the processor encodes it.
    uint32_t type;
    /// Out.
    uint32_t handle;
    /// Out: register used.
    uint32_t reg;
};

XEN_ABI_SIZE(struct xenpf_add_memtype, 32)

/// Release it. 8 bytes.
struct xenpf_del_memtype {
    uint32_t handle;
    uint32_t reg;
};

XEN_ABI_SIZE(struct xenpf_del_memtype, 8)

/// Read a memory type range register. 32 bytes.
struct xenpf_read_memtype {
    uint32_t reg;
    xen_pfn_t mfn;
    uint64_t nr_mfns;
    uint32_t type;
};

XEN_ABI_SIZE(struct xenpf_read_memtype, 32)

/// Load processor microcode. 16 bytes.
struct xenpf_microcode_update {
    XEN_HANDLE(const void) data;
    /// Bytes.
    uint32_t length;
};

XEN_ABI_SIZE(struct xenpf_microcode_update, 16)

/// Values of xenpf_platform_quirk.quirk_id.
XEN_ABI_ENUM(platform_quirk, uint32_t) {
    QUIRK_NOIRQBALANCING = 1,
    QUIRK_IOAPIC_BAD_REGSEL = 2,
    QUIRK_IOAPIC_GOOD_REGSEL = 3
};

/// Report a chipset defect. 4 bytes.
struct xenpf_platform_quirk {
    uint32_t quirk_id;
};

XEN_ABI_SIZE(struct xenpf_platform_quirk, 4)

/// Set a CPU's frequency. 16 bytes.
struct xenpf_change_freq {
    /// Must be zero.
    uint32_t flags;
    uint32_t cpu;
    /// Hz.
    uint64_t freq;
};

XEN_ABI_SIZE(struct xenpf_change_freq, 16)

/// Read CPUs' idle times. 32 bytes.
struct xenpf_getidletime {
    /// In: CPUs wanted; out: CPUs online among them.
    XEN_HANDLE(uint8_t) cpumap_bitmap;
    /// Bits of the bitmap.
    uint32_t cpumap_nr_cpus;
    /// Out: nanoseconds, indexed by CPU.
    XEN_HANDLE(uint64_t) idletime;
    /// Out: system time of the reading.
    uint64_t now;
};

XEN_ABI_SIZE(struct xenpf_getidletime, 32)

/// Bits of xenpf_pcpuinfo.flags.
XEN_ABI_ENUM(pcpu_flag, uint32_t) {
    XEN_PCPU_FLAGS_ONLINE = 1,
    /// No such CPU.
    XEN_PCPU_FLAGS_INVALID = 2
};

/// Describe a physical CPU. 20 bytes.
struct xenpf_pcpuinfo {
    /// In.
    uint32_t xen_cpuid;
    /// Out: highest number in use.
    uint32_t max_present;
    /// Out: XEN_PCPU_FLAGS_* bits.
    uint32_t flags;
    uint32_t apic_id;
    uint32_t acpi_id;
};

XEN_ABI_SIZE(struct xenpf_pcpuinfo, 20)

/// Describe a physical CPU's make. 32 bytes.
struct xenpf_pcpu_version {
    /// In.
    uint32_t xen_cpuid;
    /// Out, as all that follows.
    uint32_t max_present;
    /// Text without terminating NUL.
    char vendor_id[12];
    uint32_t family;
    uint32_t model;
    uint32_t stepping;
};

XEN_ABI_SIZE(struct xenpf_pcpu_version, 32)

/// Bring a physical CPU up or down. 4 bytes.
struct xenpf_cpu_ol {
    uint32_t cpuid;
};

XEN_ABI_SIZE(struct xenpf_cpu_ol, 4)

/// A CPU was plugged in. 12 bytes.
struct xenpf_cpu_hotadd {
    uint32_t apic_id;
    uint32_t acpi_id;
    /// NUMA proximity domain.
    uint32_t pxm;
};

XEN_ABI_SIZE(struct xenpf_cpu_hotadd, 12)

/// Memory was plugged in. 24 bytes.
struct xenpf_mem_hotadd {
    /// First frame and the one behind the last.
    uint64_t spfn;
    uint64_t epfn;
    uint32_t pxm;
    uint32_t flags;
};

XEN_ABI_SIZE(struct xenpf_mem_hotadd, 24)

/// Values of xenpf_core_parking.type.
XEN_ABI_ENUM(core_parking, uint32_t) {
    XEN_CORE_PARKING_SET = 1,
    XEN_CORE_PARKING_GET = 2
};

/// Keep CPUs idle. 8 bytes.
struct xenpf_core_parking {
    uint32_t type;
    uint32_t idle_nums;
};

XEN_ABI_SIZE(struct xenpf_core_parking, 8)

/// Commands of a resource entry.
XEN_ABI_ENUM(resource_command, uint32_t) {
    XEN_RESOURCE_OP_MSR_READ = 0,
    XEN_RESOURCE_OP_MSR_WRITE = 1
};

/// One access to a physical CPU's registers. 24 bytes.
struct xenpf_resource_entry {
    union {
        /// In: XEN_RESOURCE_OP_*.
        uint32_t cmd;
        /// Out: 1 done, 0 not reached, negative errno.
        int32_t ret;
    } u;
    uint32_t rsvd;
    uint64_t idx;
    uint64_t val;
};

XEN_ABI_SIZE(struct xenpf_resource_entry, 24)

/// A batch of them on one CPU. 16 bytes.
struct xenpf_resource_op {
    uint32_t nr_entries;
    uint32_t cpu;
    XEN_HANDLE(struct xenpf_resource_entry) entries;
};

XEN_ABI_SIZE(struct xenpf_resource_op, 16)

/// Walk the hypervisor's symbols. 32 bytes.
struct xenpf_symdata {
    /// In: bytes of name; out: bytes of the text, NUL included.
    uint32_t namelen;
    /// In: which symbol; out: the next.
    uint32_t symnum;
    XEN_HANDLE(char) name;
    uint64_t address;
    /// As nm prints it.
    char type;
};

XEN_ABI_SIZE(struct xenpf_symdata, 32)

/// One platform operation, 136 bytes.
struct xen_platform_op {
    /// XENPF_*.
    uint32_t cmd;
    /// XENPF_INTERFACE_VERSION.
    uint32_t interface_version;
    union {
        struct xenpf_settime64 settime;
        struct xenpf_settime32 settime32;
        struct xenpf_settime64 settime64;
        struct xenpf_add_memtype add_memtype;
        struct xenpf_del_memtype del_memtype;
        struct xenpf_read_memtype read_memtype;
        struct xenpf_microcode_update microcode;
        struct xenpf_platform_quirk platform_quirk;
        struct xenpf_efi_runtime_call efi_runtime_call;
        struct xenpf_firmware_info firmware_info;
        struct xenpf_enter_acpi_sleep enter_acpi_sleep;
        struct xenpf_change_freq change_freq;
        struct xenpf_getidletime getidletime;
        struct xenpf_set_processor_pminfo set_pminfo;
        struct xenpf_pcpuinfo pcpu_info;
        struct xenpf_pcpu_version pcpu_version;
        struct xenpf_cpu_ol cpu_ol;
        struct xenpf_cpu_hotadd cpu_add;
        struct xenpf_mem_hotadd mem_add;
        struct xenpf_core_parking core_parking;
        struct xenpf_resource_op resource_op;
        struct xenpf_symdata symdata;
        uint8_t pad[128];
    } u;
};

XEN_ABI_SIZE(struct xen_platform_op, 136)
XEN_ABI_OFFSET(struct xen_platform_op, u, 8)

XEN_ABI_END
