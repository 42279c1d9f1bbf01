// SPDX-License-Identifier: MIT
#include "world.hpp"

#include "belongings.hpp"
#include "xen/mmu.h"
#include "xen/sched.h"

namespace rf::hostile {

using namespace rf::runtime;

constinit Ground ground;
constinit World worlds[walkers];

std::uint64_t Random::next()
{
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void World::initialise(std::uint64_t seed)
{
    random = Random{seed};
    require(memory.make_inaccessible(guard_.data()), "guard the arguments");
}

void Ground::initialise()
{
    for (unsigned i = 0; i < scratch_pages; ++i) {
        pages_[i] = memory.allocate();
        if (pages_[i] == nullptr)
            panic("take scratch pages", Error{xen::XEN_ENOMEM});
        frames_[i] = static_cast<std::uint64_t>(memory.machine_frame(pages_[i]));
    }
}

std::uint64_t World::value()
{
    static constexpr std::uint64_t known[] = {
        0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 0x7ff0, 0x7ff1, 0x7ff2,
        0x7ff3, 0x7ff4, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000,
        0xffff7fffffffffff, 0xffff800000000000, 0xffff800000000ff8, 0xffff827fffffffff, 0xffff828000000000, 0xffff828000200000,
        0xffff87ffffffffff, 0xffff880000000000, 0xffffffff80000000, 0xfffffffffffff000, 0xfffffffffffffff8, 0xffffffffffffffff,
        0x8000000000000000, 0x7fffffffffffffff, 0xe02b, 0xe033, 0xe02f, 0x0008, 0xfee00000, 0xfec00000, 0xb8000};
    switch (random.below(6)) {
    case 0: return random.next();
    case 1: return random.next() & 0xffff;
    case 2: return reinterpret_cast<std::uint64_t>(scratch(scratch_number())) + random.below(4096);
    case 3: return 1ull << random.below(64);
    default: return known[random.below(std::size(known))] + (random.once_in(8) ? random.below(5) - 2 : 0);
    }
}

std::uint64_t World::frame()
{
    switch (random.below(16)) {
    case 0:
    case 1: return foreign_frame();
    case 2: return Ground::table_frame(0);
    case 3: return Ground::table_frame(random.below(start_info().nr_pt_frames));
    case 4: return random.once_in(100) ? start_info().shared_info / 4096 : 0;  // writing there hurts ourselves first
    case 5: return ~0ull;
    default: return scratch_frame(scratch_number());
    }
}

std::uint64_t World::foreign_frame()
{
    // Of ours the scratch pages are enough, and the others are our own program.
    const std::uint64_t number = random.once_in(2) ? random.next() & 0xfffffffff : random.below(0x80000);
    return belongings.know(number) ? 0 : number;
}

std::uint64_t World::entry()
{
    static constexpr std::uint64_t usual[] = {0x067, 0x065, 0x063, 0x061, 0x027, 0x025, 0x007, 0x001, 0x000, 0x0e7, 0x167,
                                              0x8000000000000067, 0x8000000000000065, 0xe67, 0x1e7, 0x087, 0x07f};
    std::uint64_t flags = usual[random.below(std::size(usual))];
    if (random.once_in(4))
        flags ^= 1ull << random.below(12);
    if (random.once_in(8))
        flags ^= 1ull << (52 + random.below(12));
    return (frame() << 12 & 0x000ffffffffff000) | flags;
}

std::uint64_t World::arguments()
{
    if (random.once_in(16))
        return value();
    for (unsigned i = 0; i < 64; ++i) {
        std::uint64_t word = random.once_in(2) ? value() : random.once_in(2) ? frame() : random.below(64);
        if (random.once_in(3))
            word = (word & 0xffffffff) | random.below(0x10000) << 32;
        arguments_[i] = word;
    }
    return reinterpret_cast<std::uint64_t>(arguments_.data());
}

void Ground::set_scratch_frame(unsigned number, std::uint64_t frame)
{
    belongings.learn(__atomic_exchange_n(&frames_[number], frame, __ATOMIC_ACQ_REL));
}

std::uint64_t Ground::table_frame(std::uint64_t number)
{
    return static_cast<std::uint64_t>(memory.machine_frame(reinterpret_cast<void*>(start_info().pt_base + number * 4096)));
}

bool Ground::is_live_table(std::uint64_t frame)
{
    for (std::uint64_t i = 0; i < start_info().nr_pt_frames; ++i)
        if (table_frame(i) == frame)
            return true;
    return false;
}

namespace {

/// A table of ours where the builder has mapped it, read-only.
[[nodiscard]] const volatile std::uint64_t* view_of_table(std::uint64_t frame)
{
    std::uint64_t number = 0;
    while (number + 1 < start_info().nr_pt_frames && Ground::table_frame(number) != frame)
        ++number;
    return reinterpret_cast<const volatile std::uint64_t*>(start_info().pt_base + number * 4096);
}

}  // namespace

std::uint64_t Ground::live_entry_address(const void* address)
{
    const auto place = reinterpret_cast<std::uint64_t>(address);
    std::uint64_t table = table_frame(0);
    for (unsigned shift = 39; shift > 12; shift -= 9)
        table = (view_of_table(table)[place >> shift & 511] & 0x000ffffffffff000) >> 12;
    return table << 12 | (place >> 12 & 511) * 8;
}

const volatile std::uint64_t* Ground::live_entry(const void* address)
{
    const std::uint64_t machine = live_entry_address(address);
    return view_of_table(machine >> 12) + (machine & 4095) / 8;
}

void Ground::breach(std::string_view what, std::uint64_t detail)
{
    if (processor_number() == 0)
        return say_breach(what, detail);
    what_ = what;
    detail_ = detail;
    found_.store(true);
    for (unsigned turns = 0; found_.load() && turns < 10'000; ++turns)  // it may be our last deed
        raw_hypercall(xen::HYPERVISOR_sched_op, xen::SCHEDOP_yield);
}

void Ground::tell_breaches()
{
    if (!found_.load())
        return;
    say_breach(what_, detail_);
    found_.store(false);
}

void Ground::say_breach(std::string_view what, std::uint64_t detail)
{
    const std::uint64_t frame = (detail & 0x000ffffffffff000) >> 12;
    std::uint64_t owner_says = ~0ull;
    (void)attempt([&] { owner_says = reinterpret_cast<const std::uint64_t*>(xen::MACH2PHYS_VIRT_START)[frame]; });
    print("hostile: BREACH ", what, " ", Hex{detail}, ", to its owner page ", Hex{owner_says}, ", after ", self().operations, " operations\n");
}

void judge(std::uint64_t entry)
{
    if ((entry & 1) == 0)
        return;
    const std::uint64_t frame = (entry & 0x000ffffffffff000) >> 12;
    if (!belongings.hold(frame))
        ground.breach("mapped a foreign frame", entry);
    if ((entry & 2) != 0 && Ground::is_live_table(frame))
        ground.breach("mapped a live page table writable", entry);
}

long World::call(xen::hypercall_number number, std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d, std::uint64_t e)
{
    const long result = raw_hypercall(number, a, b, c, d, e);
    accepted += result >= 0;
    return result;
}

}  // namespace rf::hostile
