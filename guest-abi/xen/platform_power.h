// SPDX-License-Identifier: MIT
/// Power management parts of HYPERVISOR_platform_op: sleep states and the processor power data the
/// control domain reads from ACPI. Source: platform.h.
#pragma once

#include "xen/abi.h"

XEN_ABI_BEGIN

/// Bits of xenpf_enter_acpi_sleep.flags.
XEN_ABI_ENUM(acpi_sleep_flag, uint32_t) {
    /// The values are for the sleep control and status registers of hardware-reduced ACPI.
    XENPF_ACPI_SLEEP_EXTENDED = 1
};

/// Enter a sleep state; S5 turns the machine off. 12 bytes.
struct xenpf_enter_acpi_sleep {
    /// Values for PM1a_CNT and PM1b_CNT, without the enable bit's effect yet.
    uint16_t val_a;
    uint16_t val_b;
    /// 1 ... 5.
    uint32_t sleep_state;
    uint32_t flags;
};

XEN_ABI_SIZE(struct xenpf_enter_acpi_sleep, 12)

/// Power-management kinds: first the start_info.flags bits (before the shift by 8), then the types
/// of xenpf_set_processor_pminfo, then the bits of xen_processor_performance.flags.
XEN_ABI_ENUM(processor_pm, uint32_t) {
    XEN_PROCESSOR_PM_CX = 1,
    XEN_PROCESSOR_PM_PX = 2,
    XEN_PROCESSOR_PM_TX = 4,
    XEN_PM_CX = 0,
    XEN_PM_PX = 1,
    XEN_PM_TX = 2,
    XEN_PM_PDC = 3,
    XEN_PX_PCT = 1,
    XEN_PX_PSS = 2,
    XEN_PX_PPC = 4,
    XEN_PX_PSD = 8,
    XEN_CPUPERF_SHARED_TYPE_HW = 1,
    XEN_CPUPERF_SHARED_TYPE_ALL = 2,
    XEN_CPUPERF_SHARED_TYPE_ANY = 3
};

/// An ACPI generic register address. 24 bytes.
struct xen_power_register {
    uint32_t space_id;
    uint32_t bit_width;
    uint32_t bit_offset;
    uint32_t access_size;
    uint64_t address;
};

XEN_ABI_SIZE(struct xen_power_register, 24)

/// A C-state dependency domain. 12 bytes.
struct xen_processor_csd {
    uint32_t domain;
    uint32_t coord_type;
    uint32_t num;
};

XEN_ABI_SIZE(struct xen_processor_csd, 12)

/// One C-state. 48 bytes.
struct xen_processor_cx {
    struct xen_power_register reg;
    uint8_t type;
    /// Microseconds.
    uint32_t latency;
    /// Milliwatts.
    uint32_t power;
    uint32_t dpcnt;
    XEN_HANDLE(struct xen_processor_csd) dp;
};

XEN_ABI_SIZE(struct xen_processor_cx, 48)

/// Properties of a processor's C-states, one bit each from bit 0: bus-master control, bus-master
/// check, has _CST, set up, bus-master reload set. 4 bytes (upstream uses bit fields).
struct xen_processor_flags {
    uint32_t bits;
};

XEN_ABI_SIZE(struct xen_processor_flags, 4)

/// All C-states of a processor. 16 bytes.
struct xen_processor_power {
    uint32_t count;
    struct xen_processor_flags flags;
    XEN_HANDLE(struct xen_processor_cx) states;
};

XEN_ABI_SIZE(struct xen_processor_power, 16)

/// Control or status register of performance states. 16 bytes.
struct xen_pct_register {
    uint8_t descriptor;
    uint16_t length;
    uint8_t space_id;
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t reserved;
    uint64_t address;
};

XEN_ABI_SIZE(struct xen_pct_register, 16)

/// One performance state. 48 bytes.
struct xen_processor_px {
    /// MHz.
    uint64_t core_frequency;
    /// Milliwatts.
    uint64_t power;
    /// Microseconds.
    uint64_t transition_latency;
    uint64_t bus_master_latency;
    uint64_t control;
    uint64_t status;
};

XEN_ABI_SIZE(struct xen_processor_px, 48)

/// A performance-state dependency domain. 40 bytes.
struct xen_psd_package {
    uint64_t num_entries;
    uint64_t revision;
    uint64_t domain;
    uint64_t coord_type;
    uint64_t num_processors;
};

XEN_ABI_SIZE(struct xen_psd_package, 40)

/// All performance states of a processor. 104 bytes.
struct xen_processor_performance {
    /// XEN_PX_* bits: what is given.
    uint32_t flags;
    uint32_t platform_limit;
    struct xen_pct_register control_register;
    struct xen_pct_register status_register;
    uint32_t state_count;
    XEN_HANDLE(struct xen_processor_px) states;
    struct xen_psd_package domain_info;
    /// XEN_CPUPERF_SHARED_TYPE_*.
    uint32_t shared_type;
};

XEN_ABI_SIZE(struct xen_processor_performance, 104)

/// Upload one processor's power data. 112 bytes.
struct xenpf_set_processor_pminfo {
    /// ACPI processor identifier.
    uint32_t id;
    /// XEN_PM_*.
    uint32_t type;
    union {
        struct xen_processor_power power;
        struct xen_processor_performance perf;
        XEN_HANDLE(uint32_t) pdc;
    } u;
};

XEN_ABI_SIZE(struct xenpf_set_processor_pminfo, 112)

XEN_ABI_END
