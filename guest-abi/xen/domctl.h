// SPDX-License-Identifier: MIT
/// HYPERVISOR_domctl: control of domains by the toolstack. Every call carries a xen_domctl whose
/// interface version must match exactly, or it is refused with -EACCES.
/// The arguments are in xen/domctl_domain.h and xen/domctl_state.h. Source: domctl.h.
#pragma once

#include "xen/abi.h"
#include "xen/domctl_domain.h"
#include "xen/domctl_state.h"

XEN_ABI_BEGIN

XEN_ABI_ENUM(domctl_version, uint32_t) {
    XEN_DOMCTL_INTERFACE_VERSION = 0x15
};

/// Sub-operations.
XEN_ABI_ENUM(domctl_command, uint32_t) {
    XEN_DOMCTL_createdomain = 1,
    XEN_DOMCTL_destroydomain = 2,
    XEN_DOMCTL_pausedomain = 3,
    XEN_DOMCTL_unpausedomain = 4,
    XEN_DOMCTL_getdomaininfo = 5,
    XEN_DOMCTL_setvcpuaffinity = 9,
    XEN_DOMCTL_shadow_op = 10,
    XEN_DOMCTL_max_mem = 11,
    XEN_DOMCTL_setvcpucontext = 12,
    XEN_DOMCTL_getvcpucontext = 13,
    XEN_DOMCTL_getvcpuinfo = 14,
    XEN_DOMCTL_max_vcpus = 15,
    XEN_DOMCTL_scheduler_op = 16,
    XEN_DOMCTL_setdomainhandle = 17,
    XEN_DOMCTL_setdebugging = 18,
    XEN_DOMCTL_irq_permission = 19,
    XEN_DOMCTL_iomem_permission = 20,
    XEN_DOMCTL_ioport_permission = 21,
    XEN_DOMCTL_hypercall_init = 22,
    XEN_DOMCTL_settimeoffset = 24,
    XEN_DOMCTL_getvcpuaffinity = 25,
    XEN_DOMCTL_real_mode_area = 26,
    XEN_DOMCTL_resumedomain = 27,
    XEN_DOMCTL_sendtrigger = 28,
    XEN_DOMCTL_subscribe = 29,
    XEN_DOMCTL_gethvmcontext = 33,
    XEN_DOMCTL_sethvmcontext = 34,
    XEN_DOMCTL_set_address_size = 35,
    XEN_DOMCTL_get_address_size = 36,
    XEN_DOMCTL_assign_device = 37,
    XEN_DOMCTL_bind_pt_irq = 38,
    XEN_DOMCTL_memory_mapping = 39,
    XEN_DOMCTL_ioport_mapping = 40,
    XEN_DOMCTL_set_ext_vcpucontext = 42,
    XEN_DOMCTL_get_ext_vcpucontext = 43,
    XEN_DOMCTL_set_opt_feature = 44,
    XEN_DOMCTL_test_assign_device = 45,
    XEN_DOMCTL_set_target = 46,
    XEN_DOMCTL_deassign_device = 47,
    XEN_DOMCTL_unbind_pt_irq = 48,
    XEN_DOMCTL_get_device_group = 50,
    XEN_DOMCTL_debug_op = 54,
    XEN_DOMCTL_gethvmcontext_partial = 55,
    XEN_DOMCTL_vm_event_op = 56,
    XEN_DOMCTL_mem_sharing_op = 57,
    XEN_DOMCTL_gettscinfo = 59,
    XEN_DOMCTL_settscinfo = 60,
    XEN_DOMCTL_getpageframeinfo3 = 61,
    XEN_DOMCTL_setvcpuextstate = 62,
    XEN_DOMCTL_getvcpuextstate = 63,
    XEN_DOMCTL_set_access_required = 64,
    XEN_DOMCTL_audit_p2m = 65,
    XEN_DOMCTL_set_virq_handler = 66,
    XEN_DOMCTL_set_broken_page_p2m = 67,
    XEN_DOMCTL_setnodeaffinity = 68,
    XEN_DOMCTL_getnodeaffinity = 69,
    XEN_DOMCTL_cacheflush = 71,
    XEN_DOMCTL_get_vcpu_msrs = 72,
    XEN_DOMCTL_set_vcpu_msrs = 73,
    XEN_DOMCTL_setvnumainfo = 74,
    XEN_DOMCTL_psr_cmt_op = 75,
    XEN_DOMCTL_monitor_op = 77,
    XEN_DOMCTL_psr_alloc = 78,
    XEN_DOMCTL_soft_reset = 79,
    XEN_DOMCTL_vuart_op = 81,
    XEN_DOMCTL_get_cpu_policy = 82,
    XEN_DOMCTL_set_cpu_policy = 83,
    XEN_DOMCTL_vmtrace_op = 84,
    XEN_DOMCTL_get_paging_mempool_size = 85,
    XEN_DOMCTL_set_paging_mempool_size = 86,
    XEN_DOMCTL_gdbsx_guestmemio = 1000,
    XEN_DOMCTL_gdbsx_pausevcpu = 1001,
    XEN_DOMCTL_gdbsx_unpausevcpu = 1002,
    XEN_DOMCTL_gdbsx_domstatus = 1003
};

/// One domctl, 144 bytes, copied back to the caller when the operation returns data.
struct xen_domctl {
    /// XEN_DOMCTL_*.
    uint32_t cmd;
    /// XEN_DOMCTL_INTERFACE_VERSION.
    uint32_t interface_version;
    /// In: the domain meant; out of createdomain and getdomaininfo: the domain found.
    domid_t domain;
    uint16_t _pad[3];
    union {
        struct xen_domctl_createdomain createdomain;
        struct xen_domctl_getdomaininfo getdomaininfo;
        struct xen_domctl_getpageframeinfo3 getpageframeinfo3;
        struct xen_domctl_nodeaffinity nodeaffinity;
        struct xen_domctl_vcpuaffinity vcpuaffinity;
        struct xen_domctl_shadow_op shadow_op;
        struct xen_domctl_max_mem max_mem;
        struct xen_domctl_vcpucontext vcpucontext;
        struct xen_domctl_getvcpuinfo getvcpuinfo;
        struct xen_domctl_max_vcpus max_vcpus;
        struct xen_domctl_scheduler_op scheduler_op;
        struct xen_domctl_setdomainhandle setdomainhandle;
        struct xen_domctl_setdebugging setdebugging;
        struct xen_domctl_irq_permission irq_permission;
        struct xen_domctl_iomem_permission iomem_permission;
        struct xen_domctl_ioport_permission ioport_permission;
        struct xen_domctl_hypercall_init hypercall_init;
        struct xen_domctl_settimeoffset settimeoffset;
        struct xen_domctl_tsc_info tsc_info;
        struct xen_domctl_address_size address_size;
        struct xen_domctl_sendtrigger sendtrigger;
        struct xen_domctl_get_device_group get_device_group;
        struct xen_domctl_assign_device assign_device;
        struct xen_domctl_ext_vcpucontext ext_vcpucontext;
        struct xen_domctl_cpu_policy cpu_policy;
        struct xen_domctl_vcpuextstate vcpuextstate;
        struct xen_domctl_vcpu_msrs vcpu_msrs;
        struct xen_domctl_set_virq_handler set_virq_handler;
        struct xen_domctl_vnuma vnuma;
        struct xen_domctl_paging_mempool paging_mempool;
        uint8_t pad[128];
    } u;
};

XEN_ABI_SIZE(struct xen_domctl, 144)
XEN_ABI_OFFSET(struct xen_domctl, u, 16)

XEN_ABI_END
