// SPDX-License-Identifier: MIT
/// HYPERVISOR_vcpu_op: bringing vCPUs up, their timers and the areas they share with the
/// hypervisor. Source: vcpu.h.
#pragma once

#include "xen/abi.h"
#include "xen/shared_info.h"

XEN_ABI_BEGIN

/// Sub-operations; arguments (cmd, vcpu, pointer).
XEN_ABI_ENUM(vcpuop, uint32_t) {
    /// vcpu_guest_context: first state of a vCPU that never ran.
    VCPUOP_initialise = 0,
    VCPUOP_up = 1,
    VCPUOP_down = 2,
    /// Returns 1 or 0, or -ENOENT for a vCPU that cannot exist.
    VCPUOP_is_up = 3,
    /// vcpu_runstate_info.
    VCPUOP_get_runstate_info = 4,
    /// vcpu_register_runstate_memory_area.
    VCPUOP_register_runstate_memory_area = 5,
    /// vcpu_set_periodic_timer.
    VCPUOP_set_periodic_timer = 6,
    VCPUOP_stop_periodic_timer = 7,
    /// vcpu_set_singleshot_timer.
    VCPUOP_set_singleshot_timer = 8,
    VCPUOP_stop_singleshot_timer = 9,
    /// vcpu_register_vcpu_info.
    VCPUOP_register_vcpu_info = 10,
    VCPUOP_send_nmi = 11,
    /// vcpu_get_physid.
    VCPUOP_get_physid = 12,
    /// vcpu_register_time_memory_area.
    VCPUOP_register_vcpu_time_memory_area = 13
};

/// What a vCPU is doing.
XEN_ABI_ENUM(runstate, int32_t) {
    RUNSTATE_running = 0,
    /// Wants to run, has no processor.
    RUNSTATE_runnable = 1,
    /// Sleeps voluntarily.
    RUNSTATE_blocked = 2,
    /// Down, or the domain is paused.
    RUNSTATE_offline = 3
};

/// Bit 63 of state_entry_time: the area is being written (VMASST_TYPE_runstate_update_flag).
XEN_ABI_CONSTANT(uint64_t, XEN_RUNSTATE_UPDATE, 1ull << 63)

/// How a vCPU spent its time, 48 bytes.
struct vcpu_runstate_info {
    /// RUNSTATE_*.
    int32_t state;
    /// System time in nanoseconds of the last change of state.
    uint64_t state_entry_time;
    /// Nanoseconds spent in each state up to then.
    uint64_t time[4];
};

XEN_ABI_SIZE(struct vcpu_runstate_info, 48)

/// Where the hypervisor keeps a vcpu_runstate_info up to date. 8 bytes.
struct vcpu_register_runstate_memory_area {
    union {
        XEN_HANDLE(struct vcpu_runstate_info) h;
        uint64_t p;
    } addr;
};

XEN_ABI_SIZE(struct vcpu_register_runstate_memory_area, 8)

/// Period of the tick, nanoseconds (at least one millisecond). 8 bytes.
struct vcpu_set_periodic_timer {
    uint64_t period_ns;
};

XEN_ABI_SIZE(struct vcpu_set_periodic_timer, 8)

/// Bits of vcpu_set_singleshot_timer.flags.
XEN_ABI_ENUM(singleshot_flag, uint32_t) {
    /// Historical: refuse a time in the past.
    VCPU_SSHOTTMR_future = 1 << 0
};

/// Raise VIRQ_TIMER once. 16 bytes.
struct vcpu_set_singleshot_timer {
    /// System time in nanoseconds.
    uint64_t timeout_abs_ns;
    /// VCPU_SSHOTTMR_* bits.
    uint32_t flags;
};

XEN_ABI_SIZE(struct vcpu_set_singleshot_timer, 16)

/// Move a vCPU's vcpu_info out of shared_info; only once per vCPU. 16 bytes.
struct vcpu_register_vcpu_info {
    /// Machine frame.
    uint64_t mfn;
    /// Byte offset in it, 8-aligned, the 64 bytes within one page.
    uint32_t offset;
    uint32_t rsvd;
};

XEN_ABI_SIZE(struct vcpu_register_vcpu_info, 16)

/// Out: APIC identifier in the low half, ACPI processor identifier in the high half. 8 bytes.
struct vcpu_get_physid {
    uint64_t phys_id;
};

XEN_ABI_SIZE(struct vcpu_get_physid, 8)

/// The two halves of phys_id.
XEN_ABI_INLINE uint32_t xen_vcpu_physid_to_x86_apicid(uint64_t physid) {
    return XEN_ABI_CAST(uint32_t, physid);
}
XEN_ABI_INLINE uint32_t xen_vcpu_physid_to_x86_acpiid(uint64_t physid) {
    return XEN_ABI_CAST(uint32_t, physid >> 32);
}

/// Where the hypervisor keeps a second vcpu_time_info, readable by user mode. 8 bytes.
struct vcpu_register_time_memory_area {
    union {
        XEN_HANDLE(struct vcpu_time_info) h;
        uint64_t p;
    } addr;
};

XEN_ABI_SIZE(struct vcpu_register_time_memory_area, 8)

XEN_ABI_END
