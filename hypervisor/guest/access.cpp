// SPDX-License-Identifier: MIT
#include "guest/access.hpp"

#include <cstring>

/// In copy.S.
extern "C" std::size_t guest_copy(void* to, void const* from, std::size_t bytes);
extern "C" std::size_t guest_clear(void* to, std::uint64_t unused, std::size_t bytes);

namespace rf::guest {

// As copy.S has them.
static_assert(offsetof(xen::cpu_user_regs, r11) == 48 && offsetof(xen::cpu_user_regs, rcx) == 88);
static_assert(offsetof(xen::cpu_user_regs, rip) == 128 && offsetof(xen::cpu_user_regs, rsp) == 152);
static_assert(offsetof(xen::cpu_user_regs, ss) == 160);

std::size_t copy_bytes_in_partial(void* to, GuestVirtual from, std::size_t bytes)
{
    if (!address_map::guest_range_ok(from.value, bytes))
        return 0;
    return bytes - guest_copy(to, reinterpret_cast<void const*>(from.value), bytes);
}

Status copy_bytes_in(void* to, GuestVirtual from, std::size_t bytes)
{
    std::size_t const done = copy_bytes_in_partial(to, from, bytes);
    if (done == bytes)
        return {};
    std::memset(static_cast<std::byte*>(to) + done, 0, bytes - done);
    return fail(Errno::efault);
}

Status copy_bytes_out(GuestVirtual to, void const* from, std::size_t bytes)
{
    if (!address_map::guest_range_ok(to.value, bytes) || guest_copy(reinterpret_cast<void*>(to.value), from, bytes) != 0)
        return fail(Errno::efault);
    return {};
}

Status clear_bytes(GuestVirtual to, std::size_t bytes)
{
    if (!address_map::guest_range_ok(to.value, bytes) || guest_clear(reinterpret_cast<void*>(to.value), 0, bytes) != 0)
        return fail(Errno::efault);
    return {};
}

} // namespace rf::guest
