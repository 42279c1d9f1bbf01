// SPDX-License-Identifier: MIT
#include "boot/memory.hpp"

#include "base/log.hpp"
#include "base/panic.hpp"
#include "boot/image.hpp"
#include "cpu/features.hpp"
#include "cpu/page_entry.hpp"
#include "cpu/tlb.hpp"
#include "mm/allocator.hpp"
#include "mm/frame_table.hpp"
#include "mm/hypervisor_space.hpp"
#include "mm/m2p.hpp"

#include <algorithm>
#include <cstring>
#include <new>

extern "C" {
extern char const image_start[];
extern char const text_end[];
extern char const rodata_end[];
extern char const image_end[];
}

namespace rf::boot {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1 << 30;
constexpr std::uint64_t low_memory_end = mib;
/// RAM that the direct map has room for.
constexpr std::uint64_t ram_limit = address_map::direct_map_end - address_map::direct_map;
constexpr std::uint64_t large_page = cpu::page_entry::span(2);
constexpr std::uint64_t group_frames = mm::FrameTable::group_frames;
constexpr std::uint64_t group_bytes = group_frames << page_shift; ///< of machine memory
static_assert(group_frames * sizeof(std::uint16_t) == page_size);

constinit EarlyMemory* early = nullptr;
/// The idle root must stay below the first limit for starting CPUs.
constinit std::uint64_t take_limit = early_limit;
constinit MemoryFigures figures{};

[[nodiscard]] MachineAddress take(std::uint64_t bytes, std::uint64_t alignment = page_size)
{
    auto const taken = early->take(bytes, alignment, take_limit);
    require(taken.has_value(), "not enough memory for the hypervisor's tables");
    return *taken;
}

[[nodiscard]] Result<Mfn> early_table()
{
    Mfn const mfn = take(page_size).frame();
    std::memset(direct(mfn), 0, page_size);
    return mfn;
}

[[nodiscard]] Result<Mfn> allocated_table() { return mm::allocator.allocate(0); }

void map(std::uint64_t virtual_address, MachineAddress machine, std::uint64_t bytes, mm::Access access,
         mm::PageLimit largest = mm::PageLimit::small)
{
    auto const done = mm::hypervisor_space.map(virtual_address, machine, bytes, access, mm::Caching::write_back, largest);
    require(done.has_value(), "the hypervisor's address space cannot be built");
}

/// Calls function(start, end) for each range of whole pages of RAM from `from` on, within the direct map's reach.
template <class Function>
void for_each_ram(BootInfo const& info, std::uint64_t from, Function function)
{
    for (MemoryRegion const& region : info.memory.regions()) {
        if (region.type != MemoryType::ram)
            continue;
        std::uint64_t const start = std::max((region.start + page_size - 1) & page_mask, from);
        std::uint64_t const end = std::min(region.end() & page_mask, ram_limit);
        if (start < end)
            function(start, end);
    }
}

void map_direct(std::uint64_t start, std::uint64_t end, mm::Access access)
{
    if (start < end)
        map(address_map::direct_map + start, {start}, end - start, access,
            cpu::host().one_gib_pages ? mm::PageLimit::one_gib : mm::PageLimit::two_mib);
}

/// All RAM and the firmware's first MiB; code and constants of the image cannot be written here either.
void build_direct_map(BootInfo const& info)
{
    std::uint64_t const fixed_start = image_physical(image_start).value;
    std::uint64_t const fixed_end = image_physical(rodata_end).value;
    map_direct(0, low_memory_end, mm::Access::write);
    for_each_ram(info, low_memory_end, [&](std::uint64_t start, std::uint64_t end) {
        map_direct(start, std::min(end, fixed_start), mm::Access::write);
        map_direct(std::max(start, fixed_start), std::min(end, fixed_end), mm::Access::read);
        map_direct(std::max(start, fixed_end), end, mm::Access::write);
    });
}

void map_image()
{
    auto const section = [](char const* start, char const* end, mm::Access access) {
        map(reinterpret_cast<std::uint64_t>(start), image_physical(start), static_cast<std::uint64_t>(end - start),
            access);
    };
    section(image_start, text_end, mm::Access::execute);
    section(text_end, rodata_end, mm::Access::read);
    section(rodata_end, image_end, mm::Access::write);
}

/// Puts memory behind [virtual_address, + bytes), in large pages where they fit.
void back(std::uint64_t virtual_address, std::uint64_t bytes)
{
    while (bytes) {
        bool const large = virtual_address % large_page == 0 && bytes >= large_page;
        std::uint64_t const size = large ? large_page : page_size;
        map(virtual_address, take(size, size), size, mm::Access::write, mm::PageLimit::two_mib);
        virtual_address += size;
        bytes -= size;
    }
}

/// One bit for each group of frames in which there is RAM.
[[nodiscard]] std::uint64_t* build_presence_map(BootInfo const& info, std::uint64_t groups)
{
    std::uint64_t const bytes = (groups + 63) / 64 * 8;
    auto* present = direct_as<std::uint64_t>(take(bytes).frame());
    std::memset(present, 0, bytes);
    for_each_ram(info, 0, [&](std::uint64_t start, std::uint64_t end) {
        for (std::uint64_t group = start / group_bytes; group <= (end - 1) / group_bytes; ++group)
            present[group / 64] |= 1ull << group % 64;
    });
    return present;
}

/// Where frames have their words and owners.
struct Records {
    mm::Frame* frames = reinterpret_cast<mm::Frame*>(address_map::frame_table);
    std::uint16_t* owners = reinterpret_cast<std::uint16_t*>(address_map::owner_table);

    void put(std::uint64_t first, std::uint64_t end, DomainId owner, mm::FrameState state) const
    {
        for (std::uint64_t i = first; i < end; ++i) {
            ::new (frames + i) mm::Frame{state.word()};
            owners[i] = owner.value;
        }
    }
};

void build_frame_table(BootInfo const& info)
{
    std::uint64_t limit = 0;
    for_each_ram(info, 0, [&](std::uint64_t, std::uint64_t end) { limit = std::max(limit, end >> page_shift); });
    std::uint64_t const groups = (limit + group_frames - 1) / group_frames;
    std::uint64_t* const present = build_presence_map(info, groups);
    auto const is_present = [&](std::uint64_t group) { return group < groups && present[group / 64] >> group % 64 & 1; };

    Records const records;
    for (std::uint64_t group = 0; group < groups; ++group) {
        if (!is_present(group))
            continue;
        std::uint64_t const first = group * group_frames;
        while (is_present(group))
            ++group;
        std::uint64_t const end = group * group_frames;
        back(reinterpret_cast<std::uint64_t>(records.frames + first), (end - first) * sizeof(mm::Frame));
        back(reinterpret_cast<std::uint64_t>(records.owners + first), (end - first) * sizeof(std::uint16_t));
        records.put(first, end, domid_invalid, mm::FrameState{mm::FrameState::hole});
    }
    // Ours until shown to be free.
    for_each_ram(info, 0, [&](std::uint64_t start, std::uint64_t end) {
        records.put(start >> page_shift, end >> page_shift, domid_xen, mm::FrameState{}.plus_references(1));
    });
    mm::frames.attach(records.frames, records.owners, Mfn{limit}, present);
    mm::m2p_limit = Mfn{limit};

    std::uint64_t const bytes = mm::FrameAllocator::words(Mfn{limit}) * sizeof(std::uint64_t);
    auto* const free_blocks = direct_as<std::uint64_t>(take((bytes + page_size - 1) & page_mask).frame());
    std::memset(free_blocks, 0, bytes);
    mm::allocator.attach(free_blocks, Mfn{limit});
}

/// One 2 MiB page per GiB of machine memory that has RAM, seen by guests (read-only) and by us.
void build_m2p(BootInfo const& info)
{
    std::uint64_t next = 0; // pieces below are built
    for_each_ram(info, 0, [&](std::uint64_t start, std::uint64_t end) {
        for (std::uint64_t piece = std::max(next, start / gib); piece <= (end - 1) / gib; next = ++piece) {
            MachineAddress const memory = take(large_page, large_page);
            std::memset(direct(memory.frame()), 0xff, large_page);
            std::uint64_t const offset = piece * large_page;
            map(address_map::m2p_guest + offset, memory, large_page, mm::Access::guest_read, mm::PageLimit::two_mib);
            map(address_map::m2p_writable + offset, memory, large_page, mm::Access::write, mm::PageLimit::two_mib);
        }
    });
}

void free_frames(Mfn first, std::uint64_t count)
{
    for (std::uint64_t i = 0; i < count; ++i) {
        mm::Frame& frame = mm::frames[first + i];
        frame.set_owner(domid_invalid);
        frame.state.store(0, relaxed);
    }
    mm::allocator.add(first, count);
}

} // namespace

void collect_free_memory(BootInfo const& info, EarlyMemory& memory)
{
    for_each_ram(info, low_memory_end, [&](std::uint64_t start, std::uint64_t end) { memory.add(start, end); });
    memory.reserve(image_physical(image_start).value, image_physical(image_end).value);
    for (Module const& module : info.modules())
        memory.reserve(module.start.value, module.start.value + module.size);
}

void build_memory(BootInfo const& info, EarlyMemory& memory)
{
    early = &memory;
    require(mm::hypervisor_space.create(early_table).has_value(), "no memory for the first page table");
    build_direct_map(info);
    map_image();
    cpu::load_root_and_flush(mm::idle_root());
    take_limit = ram_limit;

    build_frame_table(info);
    build_m2p(info);
    // From here on `memory` is final: the rest is the allocator's.
    mm::hypervisor_space.set_source(allocated_table);
    memory.for_each([](Mfn first, std::uint64_t count) { free_frames(first, count); });
    early = nullptr;

    for_each_ram(info, 0, [](std::uint64_t start, std::uint64_t end) { figures.ram_bytes += end - start; });
    figures.own_bytes = figures.ram_bytes - (mm::allocator.free_frames() << page_shift);
    if (memory.lost_bytes())
        log::warning("memory: ", memory.lost_bytes() >> 10, " KiB in small pieces are not used");
}

void release_boot_memory(MachineAddress start, std::uint64_t bytes)
{
    std::uint64_t const first = std::max(start.value & page_mask, low_memory_end);
    std::uint64_t const end = (start.value + bytes + page_size - 1) & page_mask;
    if (first < end)
        free_frames(MachineAddress{first}.frame(), (end - first) >> page_shift);
}

MemoryFigures memory_figures() { return figures; }

} // namespace rf::boot
