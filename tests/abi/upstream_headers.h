// SPDX-License-Identifier: MIT
// Upstream's headers (Debian's libxen-dev), as a toolstack sees them. Two error numbers are shown
// only to the hypervisor itself, so errno.h is read in that role.
#include <stddef.h>
#include <stdint.h>

#define __XEN__
#include <xen/errno.h>
#undef __XEN__

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/callback.h>
#include <xen/domctl.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/protocols.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
