// SPDX-License-Identifier: MIT
/// HYPERVISOR_xen_version: who the hypervisor says it is. Source: version.h.
#pragma once

#include "xen/abi.h"
#include "xen/features.h"

XEN_ABI_BEGIN

/// Sub-operations.
XEN_ABI_ENUM(xenver, uint32_t) {
    /// No argument; returns major << 16 | minor. Also a cheap way to have pending events delivered.
    XENVER_version = 0,
    /// xen_extraversion_t.
    XENVER_extraversion = 1,
    /// xen_compile_info.
    XENVER_compile_info = 2,
    /// xen_capabilities_info_t: guest types as words, for example "xen-3.0-x86_64 ".
    XENVER_capabilities = 3,
    /// xen_changeset_info_t.
    XENVER_changeset = 4,
    /// xen_platform_parameters.
    XENVER_platform_parameters = 5,
    /// xen_feature_info.
    XENVER_get_features = 6,
    /// No argument; returns the page size in bytes.
    XENVER_pagesize = 7,
    /// xen_domain_handle_t: the caller's own identifier.
    XENVER_guest_handle = 8,
    /// xen_commandline_t.
    XENVER_commandline = 9,
    /// xen_build_id.
    XENVER_build_id = 10
};

/// Sizes in bytes of the character arrays, terminating NUL included.
XEN_ABI_ENUM(xen_version_length, uint32_t) {
    XEN_EXTRAVERSION_LEN = 16,
    XEN_CAPABILITIES_INFO_LEN = 1024,
    XEN_CHANGESET_INFO_LEN = 64,
    XEN_COMMANDLINE_LEN = 1024
};

typedef char xen_extraversion_t[XEN_EXTRAVERSION_LEN];
typedef char xen_capabilities_info_t[XEN_CAPABILITIES_INFO_LEN];
typedef char xen_changeset_info_t[XEN_CHANGESET_INFO_LEN];
typedef char xen_commandline_t[XEN_COMMANDLINE_LEN];

/// How the hypervisor was built; NUL-terminated texts. 144 bytes.
struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

XEN_ABI_SIZE(struct xen_compile_info, 144)

/// Out: start of the hypervisor's hole in guest address spaces. 8 bytes.
struct xen_platform_parameters {
    xen_ulong_t virt_start;
};

XEN_ABI_SIZE(struct xen_platform_parameters, 8)

/// One 32-bit word of the XENFEAT_* bitmap. 8 bytes.
struct xen_feature_info {
    /// In: which word, below XENFEAT_NR_SUBMAPS.
    uint32_t submap_idx;
    /// Out: bit n is feature submap_idx * 32 + n.
    uint32_t submap;
};

XEN_ABI_SIZE(struct xen_feature_info, 8)

/// Build identifier. The `len` bytes follow the structure directly. 4 bytes.
struct xen_build_id {
    /// In: room for the bytes; the call returns their number.
    uint32_t len;
};

XEN_ABI_SIZE(struct xen_build_id, 4)

XEN_ABI_END
