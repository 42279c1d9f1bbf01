// SPDX-License-Identifier: MIT
#pragma once
/// Argument blocks and request numbers of Linux's /dev/xen/{privcmd,evtchn,gntdev}.
/// Source: Linux user API headers xen/privcmd.h, xen/evtchn.h, xen/gntdev.h (facts; spelled here so that the room does
/// not depend on which Xen development package is installed). Request numbers encode the block size without direction.

#include <cstddef>
#include <cstdint>

#include <linux/ioctl.h>

namespace rf::xen::uapi {

/// Request number of a block of type T in driver `letter`.
template <class T>
constexpr unsigned long request(char letter, unsigned number)
{
    return _IOC(_IOC_NONE, static_cast<unsigned char>(letter), number, sizeof(T));
}

struct PrivcmdHypercall { std::uint64_t op; std::uint64_t arg[5]; };
struct PrivcmdMmapbatchV2 {
    std::uint32_t num;         ///< pages to map
    std::uint16_t dom;         ///< owner of the frames
    std::uint64_t addr;        ///< start of a mapping of the privcmd device
    const std::uint64_t* arr;  ///< frames
    std::int32_t* err;         ///< out: 0 or negative errno per frame
};
struct PrivcmdMmapResource {
    std::uint16_t dom;
    std::uint32_t type;
    std::uint32_t id;
    std::uint32_t idx;   ///< first frame of the resource
    std::uint64_t num;   ///< frames
    std::uint64_t addr;
};
static_assert(sizeof(PrivcmdHypercall) == 48 && sizeof(PrivcmdMmapbatchV2) == 32 && sizeof(PrivcmdMmapResource) == 32);
inline constexpr auto privcmd_hypercall = request<PrivcmdHypercall>('P', 0);
inline constexpr auto privcmd_mmapbatch_v2 = request<PrivcmdMmapbatchV2>('P', 4);
inline constexpr auto privcmd_mmap_resource = request<PrivcmdMmapResource>('P', 7);

struct EvtchnBindVirq { std::uint32_t virq; };
struct EvtchnBindInterdomain { std::uint32_t remote_domain; std::uint32_t remote_port; };
struct EvtchnBindUnbound { std::uint32_t remote_domain; };
struct EvtchnPort { std::uint32_t port; };
inline constexpr auto evtchn_bind_virq = request<EvtchnBindVirq>('E', 0);
inline constexpr auto evtchn_bind_interdomain = request<EvtchnBindInterdomain>('E', 1);
inline constexpr auto evtchn_bind_unbound = request<EvtchnBindUnbound>('E', 2);
inline constexpr auto evtchn_unbind = request<EvtchnPort>('E', 3);
inline constexpr auto evtchn_notify = request<EvtchnPort>('E', 4);
inline constexpr unsigned long evtchn_reset = _IOC(_IOC_NONE, 'E', 5, 0);

struct GntdevGrantRef { std::uint32_t domid; std::uint32_t ref; };
struct GntdevMap {
    std::uint32_t count;
    std::uint32_t pad;
    std::uint64_t index;     ///< out: offset for mmap
    GntdevGrantRef refs[1];  ///< `count` entries
};
struct GntdevUnmap { std::uint64_t index; std::uint32_t count; std::uint32_t pad; };
struct GntdevUnmapNotify { std::uint64_t index; std::uint32_t action; std::uint32_t event_channel_port; };
struct GntdevSetMax { std::uint32_t count; };

/// One end of a grant copy: an address of this process, or a range inside a granted page.
union GntdevCopyEnd {
    void* virt;
    struct { std::uint32_t ref; std::uint16_t offset; std::uint16_t domid; } foreign;
};
struct GntdevCopySegment {
    GntdevCopyEnd source;
    GntdevCopyEnd dest;
    std::uint16_t len;
    std::uint16_t flags;   ///< GNTCOPY_source_gref 1, GNTCOPY_dest_gref 2
    std::int16_t status;   ///< out: GNTST_*
};
struct GntdevCopy { std::uint32_t count; GntdevCopySegment* segments; };
static_assert(sizeof(GntdevMap) == 24 && sizeof(GntdevUnmap) == 16 && sizeof(GntdevCopySegment) == 24 && sizeof(GntdevCopy) == 16);
inline constexpr auto gntdev_map = request<GntdevMap>('G', 0);
inline constexpr auto gntdev_unmap = request<GntdevUnmap>('G', 1);
inline constexpr auto gntdev_set_max = request<GntdevSetMax>('G', 3);
inline constexpr auto gntdev_unmap_notify = request<GntdevUnmapNotify>('G', 7);
inline constexpr auto gntdev_copy = request<GntdevCopy>('G', 8);
inline constexpr std::uint32_t unmap_notify_clear_byte = 1;
inline constexpr std::uint32_t unmap_notify_send_event = 2;

}  // namespace rf::xen::uapi
