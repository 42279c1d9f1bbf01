// SPDX-License-Identifier: MIT
#include "guest_memory.hpp"

#include <algorithm>
#include <cstring>

namespace rf::fuzz {

GuestMemory guest_memory;

namespace {

constexpr std::uint64_t unmapped_below = 0x1'0000;

[[nodiscard]] bool faults_now()
{
    return guest_memory.fault_after != 0 && --guest_memory.fault_after == 0;
}

/// Of `count` bytes at an address, how many can be reached. Both ends of a copy are asked: hypervisor memory is none of the
/// arena's, so it answers only for a guest address.
struct Reach {
    bool in_arena = false;
    std::size_t count = 0;
};
[[nodiscard]] Reach reach(void const* at, std::size_t count)
{
    auto const address = reinterpret_cast<std::uint64_t>(at);
    std::uint64_t const first = guest_memory.address(), end = first + GuestMemory::bytes;
    if (address < unmapped_below)
        return {false, 0};
    if (address < first || address >= end + GuestMemory::hole)
        return {false, count};
    return {true, address < end ? std::min<std::size_t>(count, end - address) : 0};
}

} // namespace
} // namespace rf::fuzz

extern "C" std::size_t guest_copy(void* to, void const* from, std::size_t bytes)
{
    using namespace rf::fuzz;
    Reach const target = reach(to, bytes), source = reach(from, bytes);
    if (faults_now() || (guest_memory.only_arena && !target.in_arena && !source.in_arena))
        return bytes;
    std::size_t const count = std::min(target.count, source.count);
    if (count)
        std::memcpy(to, from, count);
    return bytes - count;
}

extern "C" std::size_t guest_clear(void* to, std::uint64_t, std::size_t bytes)
{
    using namespace rf::fuzz;
    Reach const target = reach(to, bytes);
    if (faults_now() || (guest_memory.only_arena && !target.in_arena))
        return bytes;
    std::memset(to, 0, target.count);
    return bytes - target.count;
}
