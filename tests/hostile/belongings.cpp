// SPDX-License-Identifier: MIT
#include "belongings.hpp"

#include <algorithm>

#include "world.hpp"
#include "xen/grant.h"
#include "xen/memory.h"
#include "xen/sched.h"

namespace rf::hostile {

using namespace rf::runtime;

constinit Belongings belongings;

namespace {

/// The grant table's frames can be mapped like ours, and any of our calls may have made it grow.
[[nodiscard]] bool is_of_grant_table(std::uint64_t frame)
{
    std::array<std::uint64_t, 64> frames{};
    xen::gnttab_query_size size{};
    size.dom = xen::DOMID_SELF;
    if (raw_hypercall(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_query_size, as_argument(&size), 1) != 0 || size.status != xen::GNTST_okay)
        return false;
    const std::uint32_t count = std::min<std::uint32_t>(size.nr_frames, std::size(frames));
    xen::gnttab_setup_table setup{};
    setup.dom = xen::DOMID_SELF;
    setup.nr_frames = count;
    setup.frame_list = handle_of(frames.data());
    if (raw_hypercall(xen::HYPERVISOR_grant_table_op, xen::GNTTABOP_setup_table, as_argument(&setup), 1) != 0 || setup.status != xen::GNTST_okay)
        return false;
    return std::find(frames.begin(), frames.begin() + count, frame) != frames.begin() + count;
}

}  // namespace

void Belongings::learn(std::uint64_t frame, unsigned order)
{
    for (std::uint64_t each = frame; each < machine_frames && each < frame + (1ull << order); ++each)
        __atomic_fetch_or(&learned_[each / 64], 1ull << each % 64, __ATOMIC_ACQ_REL);
}

bool Belongings::know(std::uint64_t frame) const
{
    if (frame < machine_frames && __atomic_load_n(&learned_[frame / 64], __ATOMIC_ACQUIRE) >> frame % 64 & 1)
        return true;
    if (frame == start_info().shared_info / 4096)
        return true;
    const auto* const born_with = reinterpret_cast<const std::uint64_t*>(start_info().mfn_list);
    return std::find(born_with, born_with + start_info().nr_pages, frame) != born_with + start_info().nr_pages;
}

bool Belongings::hold(std::uint64_t frame) const
{
    if (know(frame))
        return true;
    // The other vCPU may be about to learn of it, and waits for its turn to run.
    constexpr std::uint64_t patience = 1ull << 34;  // ticks of the TSC
    for (const std::uint64_t start = __builtin_ia32_rdtsc(); trades_.load() != 0 && __builtin_ia32_rdtsc() - start < patience;)
        raw_hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield);
    return know(frame) || is_of_grant_table(frame);
}

void survey()
{
    static std::byte* place = nullptr;
    static std::uint64_t own_frame = 0;
    static bool to_write = self().random.once_in(2);
    constexpr std::uint64_t stride = 4;
    static std::uint64_t first = self().random.below(stride);
    if (place == nullptr && (place = memory.allocate()) != nullptr)
        own_frame = static_cast<std::uint64_t>(memory.machine_frame(place));
    if (place == nullptr)
        return;
    const auto map = [](std::uint64_t entry) {
        return raw_hypercall(xen::HYPERVISOR_update_va_mapping, reinterpret_cast<std::uint64_t>(place), entry, 0);
    };
    const long last = raw_hypercall(xen::HYPERVISOR_memory_op, xen::XENMEM_maximum_ram_page, 0);
    const std::uint64_t frames = last > 0 ? static_cast<std::uint64_t>(last) + 1 : 0;
    std::uint64_t taken = 0;
    for (std::uint64_t frame = first; frame < frames; frame += stride)
        if (const std::uint64_t entry = frame << 12 | (to_write ? 0x63 : 0x61); map(entry) >= 0) {
            ++taken;
            judge(entry);
        }
    map(own_frame << 12 | 0x63);
    print("hostile: surveyed every fourth of ", frames, " frames, ", taken, " could be ", to_write ? "written\n" : "read\n");
    first = (first + 1) % stride;
    to_write = !to_write;
}

}  // namespace rf::hostile
