// SPDX-License-Identifier: MIT
/// The memory and string routines that the compiler calls by itself. String instructions are fast on every processor we
/// meet (microcoded moves of whole lines) and a single instruction where the processor is emulated.

#include "base/panic.hpp"
#include "cpu/insn.hpp"

#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* to, void const* from, std::size_t bytes)
{
    void* destination = to;
    rf::cpu::repeat_move_words(to, from, bytes / 8);
    rf::cpu::repeat_move_bytes(to, from, bytes % 8);
    return destination;
}

void* memmove(void* to, void const* from, std::size_t bytes)
{
    auto const distance = reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
    if (distance >= bytes)
        return memcpy(to, from, bytes);
    // The destination starts inside the source: copy from the end.
    rf::cpu::repeat_move_bytes_down(static_cast<char*>(to) + bytes - 1, static_cast<char const*>(from) + bytes - 1, bytes);
    return to;
}

void* memset(void* to, int value, std::size_t bytes)
{
    void* destination = to;
    auto const byte = static_cast<std::uint8_t>(value);
    rf::cpu::repeat_store_words(to, 0x0101'0101'0101'0101ull * byte, bytes / 8);
    rf::cpu::repeat_store_bytes(to, byte, bytes % 8);
    return destination;
}

int memcmp(void const* a, void const* b, std::size_t bytes)
{
    auto const* left = static_cast<unsigned char const*>(a);
    auto const* right = static_cast<unsigned char const*>(b);
    for (; bytes; --bytes, ++left, ++right)
        if (*left != *right)
            return *left - *right;
    return 0;
}

void* memchr(void const* memory, int value, std::size_t bytes)
{
    auto const* at = static_cast<unsigned char const*>(memory);
    for (; bytes; --bytes, ++at)
        if (*at == static_cast<unsigned char>(value))
            return const_cast<unsigned char*>(at);
    return nullptr;
}

std::size_t strlen(char const* text)
{
    std::size_t length = 0;
    while (text[length])
        ++length;
    return length;
}

/// Reached only through a check inside a library header: an invariant of ours broke.
[[noreturn]] void abort()
{
    rf::panic("abort called");
}

/// Pure virtual call: an object was used before it was built or after its end.
[[noreturn]] void __cxa_pure_virtual()
{
    rf::panic("pure virtual function called");
}

} // extern "C"

/// Virtual destructors name this; nothing is ever deleted through the global heap (mm::Box destroys in place).
void operator delete(void*) noexcept
{
    rf::panic("operator delete called");
}
void operator delete(void*, std::size_t) noexcept
{
    rf::panic("operator delete called");
}

namespace std {
// What library headers call where a hosted program would throw: misuse by us, never reached by input.
[[noreturn]] void __throw_out_of_range_fmt(char const*, ...)
{
    rf::panic("library range check failed");
}
[[noreturn]] void __throw_length_error(char const*)
{
    rf::panic("library length check failed");
}
[[noreturn]] void __throw_logic_error(char const*)
{
    rf::panic("library logic check failed");
}
[[noreturn]] void __glibcxx_assert_fail(char const*, int, char const*, char const*) noexcept
{
    rf::panic("library assertion failed");
}
} // namespace std
