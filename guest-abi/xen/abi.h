// SPDX-License-Identifier: MIT
/// The few macros that let one header serve C11 and C++20 alike.
///
/// Everything in guest-abi describes 64-bit paravirtualized guests of Xen 4.17 on x86-64.
/// In C++ all names live in namespace `xen`; in C they are global. Only the freestanding
/// headers <stddef.h> and <stdint.h> are used. This is the only header that asks which
/// language it is compiled in.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus

#define XEN_ABI_BEGIN namespace xen {
#define XEN_ABI_END }
#define XEN_ABI_ENUM(tag, type) enum tag : type
#define XEN_ABI_CONSTANT(type, name, value) inline constexpr type name = value;
#define XEN_ABI_INLINE inline constexpr
#define XEN_ABI_CAST(type, value) static_cast<type>(value)
#define XEN_ABI_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " has the wrong size");
#define XEN_ABI_OFFSET(type, field, bytes) \
    static_assert(offsetof(type, field) == (bytes), #type "." #field " is misplaced");
#define XEN_HANDLE(type) ::xen::guest_handle<type>

namespace xen {

/// A guest's virtual address of a T (or of the first of many T), 8 bytes.
/// It deliberately has no dereference operator: a hypervisor reaches guest memory only through
/// its checked copy routines, and a guest fills the address in. Source: arch-x86/xen.h.
template <class T>
struct guest_handle {
    uint64_t address;
};

}  // namespace xen

#else

#define XEN_ABI_BEGIN
#define XEN_ABI_END
#define XEN_ABI_ENUM(tag, type) enum tag
#define XEN_ABI_CONSTANT(type, name, value) __extension__ enum { name = (value) };
#define XEN_ABI_INLINE static inline
#define XEN_ABI_CAST(type, value) ((type)(value))
#define XEN_ABI_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has the wrong size");
#define XEN_ABI_OFFSET(type, field, bytes) \
    _Static_assert(offsetof(type, field) == (bytes), #type "." #field " is misplaced");
#define XEN_HANDLE(type) struct guest_handle

/// A guest's virtual address of an object or array, 8 bytes. The pointed-to type, given to
/// XEN_HANDLE, is documentation in C and part of the type in C++.
struct guest_handle {
    uint64_t address;
};

#endif

XEN_ABI_BEGIN

/// A machine frame number, or for a guest's own numbering a pseudo-physical one (4 KiB units).
typedef uint64_t xen_pfn_t;
/// An integer of the guest's register width. Source: arch-x86/xen.h.
typedef uint64_t xen_ulong_t;
/// Virtual address of a callback entry point.
typedef uint64_t xen_callback_t;
/// The number that names a domain. Special values are in xen/domid.h.
typedef uint16_t domid_t;
/// A domain's 16-byte universally unique identifier, most significant byte first.
typedef uint8_t xen_domain_handle_t[16];

XEN_ABI_END
