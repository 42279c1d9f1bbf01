// SPDX-License-Identifier: MIT
// The functions of the C and C++ libraries to which the compiler and the headers themselves make calls.
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "power.hpp"

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size)
{
    void* const result = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}

void* memset(void* to, int byte, std::size_t size)
{
    void* const result = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

void* memmove(void* to, const void* from, std::size_t size)
{
    if (to <= from || static_cast<const char*>(to) >= static_cast<const char*>(from) + size)
        return memcpy(to, from, size);
    auto* last_to = static_cast<char*>(to) + size - 1;
    const auto* last_from = static_cast<const char*>(from) + size - 1;
    asm volatile("std; rep movsb; cld" : "+D"(last_to), "+S"(last_from), "+c"(size) : : "memory");
    return to;
}

int memcmp(const void* one, const void* other, std::size_t size)
{
    const auto* left = static_cast<const unsigned char*>(one);
    const auto* right = static_cast<const unsigned char*>(other);
    for (std::size_t i = 0; i < size; ++i)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

void* memchr(const void* from, int byte, std::size_t size)
{
    const auto* bytes = static_cast<const unsigned char*>(from);
    for (std::size_t i = 0; i < size; ++i)
        if (bytes[i] == static_cast<unsigned char>(byte))
            return const_cast<unsigned char*>(bytes + i);
    return nullptr;
}

std::size_t strlen(const char* text)
{
    const char* end = text;
    while (*end != '\0')
        asm volatile("" : "+r"(++end));
    return static_cast<std::size_t>(end - text);
}

/// Called through an interface that nobody implements; the compiler asks for it, nothing reaches it.
[[noreturn]] void __cxa_pure_virtual()
{
    rf::runtime::shutdown(xen::SHUTDOWN_crash);
}

[[noreturn]] void abort()
{
    rf::runtime::shutdown(xen::SHUTDOWN_crash);
}
}

/// What checked functions of the library (std::string_view::substr) end in.
[[noreturn]] void std::__throw_out_of_range_fmt(const char* what, ...)
{
    rf::runtime::panic(what, rf::runtime::Error{xen::XEN_EINVAL});
}
