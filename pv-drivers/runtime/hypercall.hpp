// SPDX-License-Identifier: MIT
#pragma once
/// Hypercalls: number in RAX, arguments in RDI, RSI, RDX, R10, R8, result in RAX; RCX and R11 are lost. Source: xen/numbers.h.

#include <cstdint>
#include <type_traits>

#include "xen/numbers.h"

namespace rf::runtime {

/// Makes one hypercall with raw arguments. The hypervisor may rewrite the argument registers when it continues a long call,
/// therefore they are outputs too.
inline long raw_hypercall(xen::hypercall_number number, std::uint64_t first = 0, std::uint64_t second = 0, std::uint64_t third = 0,
                          std::uint64_t fourth = 0, std::uint64_t fifth = 0)
{
    long result = static_cast<long>(number);
    register std::uint64_t r10 asm("r10") = fourth;
    register std::uint64_t r8 asm("r8") = fifth;
    asm volatile("syscall" : "+a"(result), "+D"(first), "+S"(second), "+d"(third), "+r"(r10), "+r"(r8) : : "rcx", "r11", "memory");
    return result;
}

/// An argument as a register's content.
template <class T>
[[nodiscard]] std::uint64_t as_argument([[maybe_unused]] T value)
{
    if constexpr (std::is_null_pointer_v<T>)
        return 0;
    else if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<std::uint64_t>(value);
    else
        return static_cast<std::uint64_t>(value);
}

/// Makes one hypercall; integers, enumerations and pointers are passed as they are. Returns a value >= 0 or a negated errno.
template <class... Arguments>
long hypercall(xen::hypercall_number number, Arguments... arguments)
{
    static_assert(sizeof...(arguments) <= 5);
    return raw_hypercall(number, as_argument(arguments)...);
}

/// The number by which the ABI knows an object's address.
template <class T>
[[nodiscard]] xen::guest_handle<T> handle_of(T* object)
{
    return {reinterpret_cast<std::uint64_t>(object)};
}

}  // namespace rf::runtime
