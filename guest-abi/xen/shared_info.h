// SPDX-License-Identifier: MIT
/// The page every domain shares with the hypervisor: per-vCPU event state and time, the
/// event bitmaps and the wall clock. Both sides write it while the other runs, so each field is
/// read and written once, atomically. Sources: xen.h, arch-x86/xen.h, arch-x86/xen-x86_64.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Sizes fixed by the layout of shared_info.
XEN_ABI_ENUM(shared_info_limit, uint32_t) {
    /// vCPUs whose vcpu_info lies inside shared_info; others must register their own.
    XEN_LEGACY_MAX_VCPUS = 32,
    /// 64-bit words of each event bitmap.
    SHARED_INFO_EVENT_WORDS = 64
};

/// Bits of vcpu_time_info.flags.
XEN_ABI_ENUM(pvclock_flag, uint8_t) {
    /// Time read on different vCPUs never goes backwards.
    XEN_PVCLOCK_TSC_STABLE_BIT = 1 << 0,
    /// The guest was stopped by its host for a while; its watchdogs should not bark.
    XEN_PVCLOCK_GUEST_STOPPED = 1 << 1
};

/// System time of one vCPU, written by the hypervisor. Readers retry while version is odd or
/// has changed. Nanoseconds since boot are
///   system_time + ((((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul) >> 32)
/// with a right shift for a negative tsc_shift.
struct vcpu_time_info {
    /// Odd while an update is under way.
    uint32_t version;
    uint32_t pad0;
    /// TSC value at the last update.
    uint64_t tsc_timestamp;
    /// Nanoseconds since boot at the last update.
    uint64_t system_time;
    /// Nanoseconds per shifted TSC tick as a 0.32 fixed-point fraction; never 0.
    uint32_t tsc_to_system_mul;
    /// Power of two applied to the TSC difference first.
    int8_t tsc_shift;
    /// XEN_PVCLOCK_* bits.
    uint8_t flags;
    uint8_t pad1[2];
};

XEN_ABI_SIZE(struct vcpu_time_info, 32)
XEN_ABI_OFFSET(struct vcpu_time_info, tsc_to_system_mul, 24)

/// The x86 part of vcpu_info.
struct arch_vcpu_info {
    /// Faulting address of the last page fault delivered to this vCPU.
    uint64_t cr2;
    uint64_t pad;
};

XEN_ABI_SIZE(struct arch_vcpu_info, 16)

/// Event and time state of one vCPU, 64 bytes.
struct vcpu_info {
    /// Nonzero when some event is pending and not masked for this vCPU.
    uint8_t evtchn_upcall_pending;
    /// Nonzero while the guest does not want the event callback: its virtual interrupt flag.
    uint8_t evtchn_upcall_mask;
    /// Bit n set: word n of the pending bitmap may hold an event for this vCPU.
    xen_ulong_t evtchn_pending_sel;
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

XEN_ABI_SIZE(struct vcpu_info, 64)
XEN_ABI_OFFSET(struct vcpu_info, evtchn_upcall_mask, 1)
XEN_ABI_OFFSET(struct vcpu_info, evtchn_pending_sel, 8)
XEN_ABI_OFFSET(struct vcpu_info, arch, 16)
XEN_ABI_OFFSET(struct vcpu_info, time, 32)

/// The x86 part of shared_info: mostly the guest telling the toolstack about its memory.
struct arch_shared_info {
    /// One above the highest pseudo-physical frame number, written by the guest.
    uint64_t max_pfn;
    /// Machine frame of the top page of the p2m frame-list tree; all ones if only the linear list exists.
    xen_pfn_t pfn_to_mfn_frame_list_list;
    /// XEN_NMIREASON_* bits, written by the hypervisor.
    uint64_t nmi_reason;
    /// CR3 value of the address space in which p2m_vaddr is valid; 0 while there is no linear list.
    uint64_t p2m_cr3;
    /// Virtual address of the linear p2m list.
    uint64_t p2m_vaddr;
    /// Odd while the guest changes the mapping of the linear list.
    uint64_t p2m_generation;
};

XEN_ABI_SIZE(struct arch_shared_info, 48)
XEN_ABI_OFFSET(struct arch_shared_info, p2m_cr3, 24)

/// One page per domain, shared with the hypervisor. 3136 bytes are used.
struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    /// Two-level ABI: bit p is set while port p has an undelivered event.
    xen_ulong_t evtchn_pending[SHARED_INFO_EVENT_WORDS];
    /// Two-level ABI: bit p is set while port p must not raise the callback.
    xen_ulong_t evtchn_mask[SHARED_INFO_EVENT_WORDS];
    /// Odd while the wall-clock fields change.
    uint32_t wc_version;
    /// Wall-clock time at system time 0, low 32 bits of the seconds since 1970.
    uint32_t wc_sec;
    /// Nanoseconds part of the wall clock at system time 0.
    uint32_t wc_nsec;
    /// High 32 bits of the seconds.
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};

XEN_ABI_SIZE(struct shared_info, 3136)
XEN_ABI_OFFSET(struct shared_info, evtchn_pending, 2048)
XEN_ABI_OFFSET(struct shared_info, evtchn_mask, 2560)
XEN_ABI_OFFSET(struct shared_info, wc_version, 3072)
XEN_ABI_OFFSET(struct shared_info, arch, 3088)

XEN_ABI_END
