// SPDX-License-Identifier: MIT
/// HYPERVISOR_sysctl: what the toolstack asks about and sets for the whole machine. Every call
/// carries a xen_sysctl whose interface version must match exactly, or it is refused with -EACCES.
/// Source: sysctl.h.
#pragma once

#include "xen/abi.h"
#include "xen/control_types.h"
#include "xen/domctl_domain.h"
#include "xen/physdev.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(sysctl_version, uint32_t) {
    XEN_SYSCTL_INTERFACE_VERSION = 0x15
};

/// Sub-operations.
XEN_ABI_ENUM(sysctl_command, uint32_t) {
    XEN_SYSCTL_readconsole = 1,
    XEN_SYSCTL_tbuf_op = 2,
    XEN_SYSCTL_physinfo = 3,
    XEN_SYSCTL_sched_id = 4,
    XEN_SYSCTL_perfc_op = 5,
    XEN_SYSCTL_getdomaininfolist = 6,
    XEN_SYSCTL_debug_keys = 7,
    XEN_SYSCTL_getcpuinfo = 8,
    XEN_SYSCTL_availheap = 9,
    XEN_SYSCTL_get_pmstat = 10,
    XEN_SYSCTL_cpu_hotplug = 11,
    XEN_SYSCTL_pm_op = 12,
    XEN_SYSCTL_page_offline_op = 14,
    XEN_SYSCTL_lockprof_op = 15,
    XEN_SYSCTL_cputopoinfo = 16,
    XEN_SYSCTL_numainfo = 17,
    XEN_SYSCTL_cpupool_op = 18,
    XEN_SYSCTL_scheduler_op = 19,
    XEN_SYSCTL_coverage_op = 20,
    XEN_SYSCTL_psr_cmt_op = 21,
    XEN_SYSCTL_pcitopoinfo = 22,
    XEN_SYSCTL_psr_alloc = 23,
    XEN_SYSCTL_get_cpu_levelling_caps = 25,
    XEN_SYSCTL_get_cpu_featureset = 26,
    XEN_SYSCTL_livepatch_op = 27,
    XEN_SYSCTL_get_cpu_policy = 29
};

/// readconsole: the hypervisor's message ring. 24 bytes.
struct xen_sysctl_readconsole {
    /// In: forget what was read.
    uint8_t clear;
    /// In: read from index on, not from the oldest message.
    uint8_t incremental;
    uint8_t pad0, pad1;
    /// In: where to go on; out: where the next read goes on.
    uint32_t index;
    XEN_HANDLE(char) buffer;
    /// In: bytes of buffer; out: bytes read.
    uint32_t count;
};

XEN_ABI_SIZE(struct xen_sysctl_readconsole, 24)

/// Bits of xen_sysctl_physinfo.capabilities.
XEN_ABI_ENUM(physcap, uint32_t) {
    XEN_SYSCTL_PHYSCAP_hvm = 1 << 0,
    XEN_SYSCTL_PHYSCAP_pv = 1 << 1,
    /// Devices can be passed through.
    XEN_SYSCTL_PHYSCAP_directio = 1 << 2,
    XEN_SYSCTL_PHYSCAP_hap = 1 << 3,
    XEN_SYSCTL_PHYSCAP_shadow = 1 << 4,
    XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share = 1 << 5,
    XEN_SYSCTL_PHYSCAP_vmtrace = 1 << 6,
    XEN_SYSCTL_PHYSCAP_vpmu = 1 << 7,
    /// Grant tables by version; with neither bit libxl gives a domain no grants.
    XEN_SYSCTL_PHYSCAP_gnttab_v1 = 1 << 8,
    XEN_SYSCTL_PHYSCAP_gnttab_v2 = 1 << 9,
    XEN_SYSCTL_PHYSCAP_MAX = XEN_SYSCTL_PHYSCAP_gnttab_v2
};

/// physinfo. 112 bytes, all out.
struct xen_sysctl_physinfo {
    uint32_t threads_per_core;
    uint32_t cores_per_socket;
    /// CPUs online.
    uint32_t nr_cpus;
    uint32_t max_cpu_id;
    uint32_t nr_nodes;
    uint32_t max_node_id;
    uint32_t cpu_khz;
    /// XEN_SYSCTL_PHYSCAP_* bits.
    uint32_t capabilities;
    uint32_t arch_capabilities;
    uint32_t pad;
    /// Pages.
    uint64_t total_pages;
    uint64_t free_pages;
    uint64_t scrub_pages;
    /// Claimed, not yet allocated.
    uint64_t outstanding_pages;
    uint64_t max_mfn;
    /// The machine's first feature words.
    uint32_t hw_cap[8];
};

XEN_ABI_SIZE(struct xen_sysctl_physinfo, 112)

/// sched_id: default scheduler. 4 bytes.
struct xen_sysctl_sched_id {
    /// Out: XEN_SCHEDULER_*.
    uint32_t sched_id;
};

XEN_ABI_SIZE(struct xen_sysctl_sched_id, 4)

/// getdomaininfolist. 24 bytes.
struct xen_sysctl_getdomaininfolist {
    domid_t first_domain;
    /// In: capacity.
    uint32_t max_domains;
    XEN_HANDLE(struct xen_domctl_getdomaininfo) buffer;
    /// Out.
    uint32_t num_domains;
};

XEN_ABI_SIZE(struct xen_sysctl_getdomaininfolist, 24)

/// debug_keys: as if typed on the hypervisor's console. 16 bytes.
struct xen_sysctl_debug_keys {
    XEN_HANDLE(const char) keys;
    uint32_t nr_keys;
};

XEN_ABI_SIZE(struct xen_sysctl_debug_keys, 16)

/// One physical CPU. 8 bytes.
struct xen_sysctl_cpuinfo {
    /// Nanoseconds.
    uint64_t idletime;
};

XEN_ABI_SIZE(struct xen_sysctl_cpuinfo, 8)

/// getcpuinfo. 24 bytes.
struct xen_sysctl_getcpuinfo {
    /// In: capacity.
    uint32_t max_cpus;
    XEN_HANDLE(struct xen_sysctl_cpuinfo) info;
    /// Out.
    uint32_t nr_cpus;
};

XEN_ABI_SIZE(struct xen_sysctl_getcpuinfo, 24)

/// availheap: free memory between two address widths. 24 bytes.
struct xen_sysctl_availheap {
    /// Bits; 0 is no limit.
    uint32_t min_bitwidth;
    uint32_t max_bitwidth;
    /// -1 for all nodes.
    int32_t node;
    /// Out.
    uint64_t avail_bytes;
};

XEN_ABI_SIZE(struct xen_sysctl_availheap, 24)

/// Markers for what is not there.
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_CORE_ID, 0xffffffffu)
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_SOCKET_ID, 0xffffffffu)
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_NODE_ID, 0xffffffffu)
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_MEM_SZ, 0xffffffffu)
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_NODE_DIST, 0xffffffffu)
/// In pcitopoinfo: no such device.
XEN_ABI_CONSTANT(uint32_t, XEN_INVALID_DEV, 0xfffffffeu)

/// Place of one CPU. 12 bytes.
struct xen_sysctl_cputopo {
    uint32_t core;
    uint32_t socket;
    uint32_t node;
};

XEN_ABI_SIZE(struct xen_sysctl_cputopo, 12)

/// cputopoinfo. 16 bytes.
struct xen_sysctl_cputopoinfo {
    /// In: capacity; out: number. With a NULL array only the number is returned.
    uint32_t num_cpus;
    XEN_HANDLE(struct xen_sysctl_cputopo) cputopo;
};

XEN_ABI_SIZE(struct xen_sysctl_cputopoinfo, 16)

/// Memory of one node, bytes. 16 bytes.
struct xen_sysctl_meminfo {
    uint64_t memsize;
    uint64_t memfree;
};

XEN_ABI_SIZE(struct xen_sysctl_meminfo, 16)

/// numainfo. 24 bytes.
struct xen_sysctl_numainfo {
    /// In: capacity; out: number. NULL arrays are skipped.
    uint32_t num_nodes;
    XEN_HANDLE(struct xen_sysctl_meminfo) meminfo;
    /// num_nodes * num_nodes distances, 10 is local.
    XEN_HANDLE(uint32_t) distance;
};

XEN_ABI_SIZE(struct xen_sysctl_numainfo, 24)

/// pcitopoinfo: nodes of PCI functions. 24 bytes.
struct xen_sysctl_pcitopoinfo {
    uint32_t num_devs;
    XEN_HANDLE(struct physdev_pci_device) devs;
    XEN_HANDLE(uint32_t) nodes;
};

XEN_ABI_SIZE(struct xen_sysctl_pcitopoinfo, 24)

/// Commands of cpupool_op.
XEN_ABI_ENUM(cpupool_command, uint32_t) {
    XEN_SYSCTL_CPUPOOL_OP_CREATE = 1,
    XEN_SYSCTL_CPUPOOL_OP_DESTROY = 2,
    /// The first pool whose number is not below the one asked.
    XEN_SYSCTL_CPUPOOL_OP_INFO = 3,
    XEN_SYSCTL_CPUPOOL_OP_ADDCPU = 4,
    XEN_SYSCTL_CPUPOOL_OP_RMCPU = 5,
    XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN = 6,
    /// CPUs in no pool.
    XEN_SYSCTL_CPUPOOL_OP_FREEINFO = 7
};

XEN_ABI_CONSTANT(uint32_t, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0xffffffffu)

/// cpupool_op. 40 bytes.
struct xen_sysctl_cpupool_op {
    /// XEN_SYSCTL_CPUPOOL_OP_*.
    uint32_t op;
    uint32_t cpupool_id;
    /// XEN_SCHEDULER_*.
    uint32_t sched_id;
    uint32_t domid;
    uint32_t cpu;
    /// Out: domains in the pool.
    uint32_t n_dom;
    /// Out: its CPUs.
    struct xenctl_bitmap cpumap;
};

XEN_ABI_SIZE(struct xen_sysctl_cpupool_op, 40)

/// Limits and commands of scheduler_op.
XEN_ABI_ENUM(sysctl_scheduling, uint32_t) {
    XEN_SYSCTL_SCHEDOP_putinfo = 0,
    XEN_SYSCTL_SCHEDOP_getinfo = 1,
    /// Microseconds.
    XEN_SYSCTL_SCHED_RATELIMIT_MAX = 500000,
    XEN_SYSCTL_SCHED_RATELIMIT_MIN = 100,
    /// Milliseconds.
    XEN_SYSCTL_CSCHED_TSLICE_MAX = 1000,
    XEN_SYSCTL_CSCHED_TSLICE_MIN = 1,
    /// Microseconds.
    XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US = 100 * 1000
};

/// Global parameters of the credit scheduler. 12 bytes.
struct xen_sysctl_credit_schedule {
    uint32_t tslice_ms;
    uint32_t ratelimit_us;
    uint32_t vcpu_migr_delay_us;
};

XEN_ABI_SIZE(struct xen_sysctl_credit_schedule, 12)

/// Global parameters of credit2. 4 bytes.
struct xen_sysctl_credit2_schedule {
    /// Shortest run of a vCPU before it is preempted.
    uint32_t ratelimit_us;
};

XEN_ABI_SIZE(struct xen_sysctl_credit2_schedule, 4)

/// scheduler_op: parameters of one CPU pool's scheduler. 32 bytes.
struct xen_sysctl_scheduler_op {
    uint32_t cpupool_id;
    /// XEN_SCHEDULER_*; must match the pool.
    uint32_t sched_id;
    /// XEN_SYSCTL_SCHEDOP_*.
    uint32_t cmd;
    union {
        struct {
            XEN_HANDLE(void) schedule;
        } sched_arinc653;
        struct xen_sysctl_credit_schedule sched_credit;
        struct xen_sysctl_credit2_schedule sched_credit2;
    } u;
};

XEN_ABI_SIZE(struct xen_sysctl_scheduler_op, 32)

/// Bits of xen_sysctl_cpu_levelling_caps.caps: which CPUID words the hardware lets a hypervisor
/// change under natively executed CPUID.
XEN_ABI_ENUM(cpu_levelling_cap, uint32_t) {
    XEN_SYSCTL_CPU_LEVELCAP_faulting = 1 << 0,
    XEN_SYSCTL_CPU_LEVELCAP_ecx = 1 << 1,
    XEN_SYSCTL_CPU_LEVELCAP_edx = 1 << 2,
    XEN_SYSCTL_CPU_LEVELCAP_extd_ecx = 1 << 3,
    XEN_SYSCTL_CPU_LEVELCAP_extd_edx = 1 << 4,
    XEN_SYSCTL_CPU_LEVELCAP_xsave_eax = 1 << 5,
    XEN_SYSCTL_CPU_LEVELCAP_thermal_ecx = 1 << 6,
    XEN_SYSCTL_CPU_LEVELCAP_l7s0_eax = 1 << 7,
    XEN_SYSCTL_CPU_LEVELCAP_l7s0_ebx = 1 << 8
};

/// get_cpu_levelling_caps. 4 bytes.
struct xen_sysctl_cpu_levelling_caps {
    uint32_t caps;
};

XEN_ABI_SIZE(struct xen_sysctl_cpu_levelling_caps, 4)

/// Which set get_cpu_featureset returns.
XEN_ABI_ENUM(cpu_featureset_index, uint32_t) {
    XEN_SYSCTL_cpu_featureset_raw = 0,
    XEN_SYSCTL_cpu_featureset_host = 1,
    XEN_SYSCTL_cpu_featureset_pv = 2,
    XEN_SYSCTL_cpu_featureset_hvm = 3,
    XEN_SYSCTL_cpu_featureset_pv_max = 4,
    XEN_SYSCTL_cpu_featureset_hvm_max = 5
};

/// get_cpu_featureset. 16 bytes.
struct xen_sysctl_cpu_featureset {
    uint32_t index;
    /// In: capacity in 32-bit words; out: words there are.
    uint32_t nr_features;
    XEN_HANDLE(uint32_t) features;
};

XEN_ABI_SIZE(struct xen_sysctl_cpu_featureset, 16)

/// Which policy get_cpu_policy returns.
XEN_ABI_ENUM(cpu_policy_index, uint32_t) {
    XEN_SYSCTL_cpu_policy_raw = 0,
    XEN_SYSCTL_cpu_policy_host = 1,
    XEN_SYSCTL_cpu_policy_pv_max = 2,
    XEN_SYSCTL_cpu_policy_hvm_max = 3,
    XEN_SYSCTL_cpu_policy_pv_default = 4,
    XEN_SYSCTL_cpu_policy_hvm_default = 5
};

/// get_cpu_policy. 32 bytes.
struct xen_sysctl_cpu_policy {
    uint32_t index;
    /// In: capacity; out: number.
    uint32_t nr_leaves;
    uint32_t nr_msrs;
    /// Must be zero.
    uint32_t _rsvd;
    XEN_HANDLE(struct xen_cpuid_leaf) leaves;
    XEN_HANDLE(struct xen_msr_entry) msrs;
};

XEN_ABI_SIZE(struct xen_sysctl_cpu_policy, 32)

/// One sysctl, 136 bytes, copied back to the caller when the operation returns data.
struct xen_sysctl {
    /// XEN_SYSCTL_*.
    uint32_t cmd;
    /// XEN_SYSCTL_INTERFACE_VERSION.
    uint32_t interface_version;
    union {
        struct xen_sysctl_readconsole readconsole;
        struct xen_sysctl_physinfo physinfo;
        struct xen_sysctl_cputopoinfo cputopoinfo;
        struct xen_sysctl_pcitopoinfo pcitopoinfo;
        struct xen_sysctl_numainfo numainfo;
        struct xen_sysctl_sched_id sched_id;
        struct xen_sysctl_getdomaininfolist getdomaininfolist;
        struct xen_sysctl_debug_keys debug_keys;
        struct xen_sysctl_getcpuinfo getcpuinfo;
        struct xen_sysctl_availheap availheap;
        struct xen_sysctl_cpupool_op cpupool_op;
        struct xen_sysctl_scheduler_op scheduler_op;
        struct xen_sysctl_cpu_levelling_caps cpu_levelling_caps;
        struct xen_sysctl_cpu_featureset cpu_featureset;
        struct xen_sysctl_cpu_policy cpu_policy;
        uint8_t pad[128];
    } u;
};

XEN_ABI_SIZE(struct xen_sysctl, 136)
XEN_ABI_OFFSET(struct xen_sysctl, u, 8)

XEN_ABI_END
