// SPDX-License-Identifier: MIT
/// Arguments of domctls that create, describe, limit and schedule a domain. Source: domctl.h.
#pragma once

#include "xen/abi.h"
#include "xen/control_types.h"
#include "xen/memory.h"

XEN_ABI_BEGIN

/// Bits of xen_domctl_createdomain.flags.
XEN_ABI_ENUM(createdomain_flag, uint32_t) {
    /// Hardware-virtualized guest.
    XEN_DOMCTL_CDF_hvm = 1 << 0,
    /// With hardware-assisted paging.
    XEN_DOMCTL_CDF_hap = 1 << 1,
    XEN_DOMCTL_CDF_s3_integrity = 1 << 2,
    XEN_DOMCTL_CDF_oos_off = 1 << 3,
    /// The domain hosts XenStore.
    XEN_DOMCTL_CDF_xs_domain = 1 << 4,
    /// Devices may be passed through.
    XEN_DOMCTL_CDF_iommu = 1 << 5,
    XEN_DOMCTL_CDF_nested_virt = 1 << 6,
    /// Virtual performance counters.
    XEN_DOMCTL_CDF_vpmu = 1 << 7,
    XEN_DOMCTL_CDF_MAX = XEN_DOMCTL_CDF_vpmu
};

/// Bits of xen_domctl_createdomain.iommu_opts.
XEN_ABI_ENUM(createdomain_iommu_flag, uint32_t) {
    XEN_DOMCTL_IOMMU_no_sharept = 1 << 0,
    XEN_DOMCTL_IOMMU_MAX = XEN_DOMCTL_IOMMU_no_sharept
};

/// Field of xen_domctl_createdomain.grant_opts: highest grant-table version allowed.
XEN_ABI_ENUM(createdomain_grant_field, uint32_t) {
    XEN_DOMCTL_GRANT_version_mask = 0xf
};

XEN_ABI_INLINE uint32_t XEN_DOMCTL_GRANT_version(uint32_t version) {
    return version & XEN_ABI_CAST(uint32_t, XEN_DOMCTL_GRANT_version_mask);
}

/// createdomain: a new, paused, empty domain. 64 bytes.
struct xen_domctl_createdomain {
    uint32_t ssidref;
    xen_domain_handle_t handle;
    /// XEN_DOMCTL_CDF_* bits.
    uint32_t flags;
    /// XEN_DOMCTL_IOMMU_* bits.
    uint32_t iommu_opts;
    uint32_t max_vcpus;
    /// Highest event-channel port.
    uint32_t max_evtchn_port;
    /// Frames; -1 takes the hypervisor's default.
    int32_t max_grant_frames;
    int32_t max_maptrack_frames;
    uint32_t grant_opts;
    /// Bytes of processor trace per vCPU.
    uint32_t vmtrace_size;
    uint32_t cpupool_id;
    struct xen_arch_domainconfig arch;
};

XEN_ABI_SIZE(struct xen_domctl_createdomain, 64)

/// Bits of xen_domctl_getdomaininfo.flags; the shutdown reason is a field of it.
XEN_ABI_ENUM(domaininfo_flag, uint32_t) {
    /// Being destroyed; some resources are still held.
    XEN_DOMINF_dying = 1 << 0,
    XEN_DOMINF_hvm_guest = 1 << 1,
    /// Shut down; the reason field is valid.
    XEN_DOMINF_shutdown = 1 << 2,
    /// Paused by the toolstack.
    XEN_DOMINF_paused = 1 << 3,
    /// All vCPUs sleep.
    XEN_DOMINF_blocked = 1 << 4,
    /// Some vCPU runs.
    XEN_DOMINF_running = 1 << 5,
    XEN_DOMINF_debugged = 1 << 6,
    XEN_DOMINF_xs_domain = 1 << 7,
    XEN_DOMINF_hap = 1 << 8,
    XEN_DOMINF_shutdownmask = 255,
    XEN_DOMINF_shutdownshift = 16
};

/// xen_domctl_getdomaininfo.max_vcpu_id of a domain without vCPUs.
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_MAX_VCPU_ID, 0xffffffffu)

/// getdomaininfo: state of the first domain whose number is not below the one asked. 112 bytes, all out.
struct xen_domctl_getdomaininfo {
    domid_t domain;
    uint16_t pad1;
    /// XEN_DOMINF_* bits and the SHUTDOWN_* reason.
    uint32_t flags;
    /// Pages owned, allowed, claimed, shared and paged out.
    uint64_t tot_pages;
    uint64_t max_pages;
    uint64_t outstanding_pages;
    uint64_t shr_pages;
    uint64_t paged_pages;
    /// Machine frame of shared_info.
    uint64_t shared_info_frame;
    /// Nanoseconds of processor time of all vCPUs.
    uint64_t cpu_time;
    uint32_t nr_online_vcpus;
    uint32_t max_vcpu_id;
    uint32_t ssidref;
    xen_domain_handle_t handle;
    uint32_t cpupool;
    /// Width of guest physical addresses.
    uint8_t gpaddr_bits;
    uint8_t pad2[7];
    struct xen_arch_domainconfig arch_config;
};

XEN_ABI_SIZE(struct xen_domctl_getdomaininfo, 112)

/// get/setnodeaffinity. 16 bytes.
struct xen_domctl_nodeaffinity {
    struct xenctl_bitmap nodemap;
};

XEN_ABI_SIZE(struct xen_domctl_nodeaffinity, 16)

/// Bits of xen_domctl_vcpuaffinity.flags.
XEN_ABI_ENUM(vcpuaffinity_flag, uint32_t) {
    /// May run nowhere else.
    XEN_VCPUAFFINITY_HARD = 1 << 0,
    /// Prefers to run there.
    XEN_VCPUAFFINITY_SOFT = 1 << 1,
    /// Override a temporary pinning.
    XEN_VCPUAFFINITY_FORCE = 1 << 2
};

/// get/setvcpuaffinity. A set writes the effective maps back. 40 bytes.
struct xen_domctl_vcpuaffinity {
    uint32_t vcpu;
    uint32_t flags;
    struct xenctl_bitmap cpumap_hard;
    struct xenctl_bitmap cpumap_soft;
};

XEN_ABI_SIZE(struct xen_domctl_vcpuaffinity, 40)

/// max_mem: limit of the domain's memory. 8 bytes.
struct xen_domctl_max_mem {
    /// KiB.
    uint64_t max_memkb;
};

XEN_ABI_SIZE(struct xen_domctl_max_mem, 8)

/// getvcpuinfo. 24 bytes.
struct xen_domctl_getvcpuinfo {
    /// In.
    uint32_t vcpu;
    /// Out, each 0 or 1.
    uint8_t online;
    uint8_t blocked;
    uint8_t running;
    /// Out: nanoseconds.
    uint64_t cpu_time;
    /// Out: processor it runs or last ran on.
    uint32_t cpu;
};

XEN_ABI_SIZE(struct xen_domctl_getvcpuinfo, 24)

/// max_vcpus: must repeat what createdomain said. 4 bytes.
struct xen_domctl_max_vcpus {
    uint32_t max;
};

XEN_ABI_SIZE(struct xen_domctl_max_vcpus, 4)

/// Share of a domain under the credit scheduler. 4 bytes.
struct xen_domctl_sched_credit {
    /// Relative; 256 is usual.
    uint16_t weight;
    /// Percent of one CPU; 0 is no limit.
    uint16_t cap;
};

XEN_ABI_SIZE(struct xen_domctl_sched_credit, 4)

/// Share of a domain under credit2; as above. 4 bytes.
struct xen_domctl_sched_credit2 {
    uint16_t weight;
    uint16_t cap;
};

XEN_ABI_SIZE(struct xen_domctl_sched_credit2, 4)

/// Bits of xen_domctl_sched_rtds.flags.
XEN_ABI_ENUM(rtds_flag, uint32_t) {
    /// May use idle time beyond its budget.
    XEN_DOMCTL_SCHEDRT_extra = 1 << 0
};

/// Share of a vCPU under the real-time scheduler; microseconds. 12 bytes.
struct xen_domctl_sched_rtds {
    uint32_t period;
    uint32_t budget;
    /// XEN_DOMCTL_SCHEDRT_* bits.
    uint32_t flags;
};

XEN_ABI_SIZE(struct xen_domctl_sched_rtds, 12)

/// Scheduling parameters of one vCPU. 16 bytes.
struct xen_domctl_schedparam_vcpu {
    union {
        struct xen_domctl_sched_credit credit;
        struct xen_domctl_sched_credit2 credit2;
        struct xen_domctl_sched_rtds rtds;
    } u;
    uint32_t vcpuid;
};

XEN_ABI_SIZE(struct xen_domctl_schedparam_vcpu, 16)

/// Commands of xen_domctl_scheduler_op.
XEN_ABI_ENUM(domctl_schedop, uint32_t) {
    XEN_DOMCTL_SCHEDOP_putinfo = 0,
    XEN_DOMCTL_SCHEDOP_getinfo = 1,
    XEN_DOMCTL_SCHEDOP_putvcpuinfo = 2,
    XEN_DOMCTL_SCHEDOP_getvcpuinfo = 3
};

/// scheduler_op: read or change scheduling parameters. 24 bytes.
struct xen_domctl_scheduler_op {
    /// XEN_SCHEDULER_*; must match the domain's pool.
    uint32_t sched_id;
    /// XEN_DOMCTL_SCHEDOP_*.
    uint32_t cmd;
    union {
        struct xen_domctl_sched_credit credit;
        struct xen_domctl_sched_credit2 credit2;
        struct xen_domctl_sched_rtds rtds;
        struct {
            XEN_HANDLE(struct xen_domctl_schedparam_vcpu) vcpus;
            uint32_t nr_vcpus;
            uint32_t padding;
        } v;
    } u;
};

XEN_ABI_SIZE(struct xen_domctl_scheduler_op, 24)

/// setdomainhandle. 16 bytes.
struct xen_domctl_setdomainhandle {
    xen_domain_handle_t handle;
};

XEN_ABI_SIZE(struct xen_domctl_setdomainhandle, 16)

/// setdebugging. 1 byte.
struct xen_domctl_setdebugging {
    uint8_t enable;
};

XEN_ABI_SIZE(struct xen_domctl_setdebugging, 1)

/// irq_permission. 8 bytes.
struct xen_domctl_irq_permission {
    uint32_t pirq;
    uint8_t allow_access;
    uint8_t pad[3];
};

XEN_ABI_SIZE(struct xen_domctl_irq_permission, 8)

/// iomem_permission: right to map device frames. 24 bytes.
struct xen_domctl_iomem_permission {
    uint64_t first_mfn;
    uint64_t nr_mfns;
    uint8_t allow_access;
};

XEN_ABI_SIZE(struct xen_domctl_iomem_permission, 24)

/// ioport_permission. 12 bytes.
struct xen_domctl_ioport_permission {
    uint32_t first_port;
    uint32_t nr_ports;
    uint8_t allow_access;
};

XEN_ABI_SIZE(struct xen_domctl_ioport_permission, 12)

/// hypercall_init: fill a hypercall page. 8 bytes.
struct xen_domctl_hypercall_init {
    /// Frame to fill (a machine frame for PV).
    uint64_t gmfn;
};

XEN_ABI_SIZE(struct xen_domctl_hypercall_init, 8)

/// settimeoffset: shift of the domain's wall clock. 8 bytes.
struct xen_domctl_settimeoffset {
    int64_t time_offset_seconds;
};

XEN_ABI_SIZE(struct xen_domctl_settimeoffset, 8)

/// get/set_address_size. 4 bytes.
struct xen_domctl_address_size {
    /// 32 or 64.
    uint32_t size;
};

XEN_ABI_SIZE(struct xen_domctl_address_size, 4)

/// Triggers of sendtrigger.
XEN_ABI_ENUM(domctl_trigger, uint32_t) {
    XEN_DOMCTL_SENDTRIGGER_NMI = 0,
    XEN_DOMCTL_SENDTRIGGER_RESET = 1,
    XEN_DOMCTL_SENDTRIGGER_INIT = 2,
    XEN_DOMCTL_SENDTRIGGER_POWER = 3,
    XEN_DOMCTL_SENDTRIGGER_SLEEP = 4
};

/// sendtrigger. 8 bytes.
struct xen_domctl_sendtrigger {
    uint32_t trigger;
    uint32_t vcpu;
};

XEN_ABI_SIZE(struct xen_domctl_sendtrigger, 8)

/// Values and flags of xen_domctl_assign_device.
XEN_ABI_ENUM(domctl_device, uint32_t) {
    XEN_DOMCTL_DEV_PCI = 0,
    XEN_DOMCTL_DEV_DT = 1,
    XEN_DOMCTL_DEV_RDM_RELAXED = 1
};

/// assign_device, test_assign_device, deassign_device. 24 bytes.
struct xen_domctl_assign_device {
    /// XEN_DOMCTL_DEV_PCI or _DT.
    uint32_t dev;
    uint32_t flags;
    union {
        struct {
            /// segment << 16 | bus << 8 | device << 3 | function.
            uint32_t machine_sbdf;
        } pci;
        /// Device-tree path; not on x86.
        struct {
            uint32_t size;
            XEN_HANDLE(char) path;
        } dt;
    } u;
};

XEN_ABI_SIZE(struct xen_domctl_assign_device, 24)

/// get_device_group: devices that can only be assigned together. 24 bytes.
struct xen_domctl_get_device_group {
    uint32_t machine_sbdf;
    /// In: capacity; out: number.
    uint32_t max_sdevs;
    uint32_t num_sdevs;
    XEN_HANDLE(uint32_t) sdev_array;
};

XEN_ABI_SIZE(struct xen_domctl_get_device_group, 24)

/// set_virq_handler: let this domain receive a global virtual interrupt. 4 bytes.
struct xen_domctl_set_virq_handler {
    /// VIRQ_*.
    uint32_t virq;
};

XEN_ABI_SIZE(struct xen_domctl_set_virq_handler, 4)

/// setvnumainfo: virtual NUMA topology. 48 bytes.
struct xen_domctl_vnuma {
    uint32_t nr_vnodes;
    uint32_t nr_vmemranges;
    uint32_t nr_vcpus;
    uint32_t pad;
    /// nr_vnodes * nr_vnodes distances.
    XEN_HANDLE(uint32_t) vdistance;
    XEN_HANDLE(uint32_t) vcpu_to_vnode;
    XEN_HANDLE(uint32_t) vnode_to_pnode;
    XEN_HANDLE(struct xen_vmemrange) vmemrange;
};

XEN_ABI_SIZE(struct xen_domctl_vnuma, 48)

/// get/set_paging_mempool_size; HVM only. 8 bytes.
struct xen_domctl_paging_mempool {
    /// Bytes.
    uint64_t size;
};

XEN_ABI_SIZE(struct xen_domctl_paging_mempool, 8)

XEN_ABI_END
