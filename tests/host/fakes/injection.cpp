// SPDX-License-Identifier: MIT
/// Copies from and to guests, and the allocators, as tests see them: the hypervisor's own allocators with a door in front (the
/// linker's --wrap, host.mk), and copies within the test's own memory. Addresses below 64 KiB fault.
#include "fake_state.hpp"
#include "injection.hpp"
#include "mm/allocator.hpp"
#include "mm/heap.hpp"

#include <cstdio>
#include <cstring>

// Absent where lines are counted instead (`make coverage`).
extern "C" [[gnu::weak]] void __sanitizer_symbolize_pc(void* pc, char const* format, char* text, std::size_t size);

namespace rf::injection {

Control control;

namespace {
/// Who asked an account, while it asks the allocators.
thread_local void const* asked_by = nullptr;

struct Asking {
    explicit Asking(void const* caller) { asked_by = caller; }
    ~Asking() { asked_by = nullptr; }
};
} // namespace

bool fails(Watch kind, void const* caller)
{
    if (asked_by)
        caller = asked_by;
    if (control.watch != kind || ++control.steps != control.fail_at)
        return false;
    char text[400] = "";
    if (__sanitizer_symbolize_pc)
        __sanitizer_symbolize_pc(const_cast<void*>(caller), "%f %S", text, sizeof text);
    else
        std::snprintf(text, sizeof text, "caller %p(without symbols)", caller);
    control.failed = text;
    return true;
}

namespace {

constexpr std::uint64_t unmapped_below = 0x10000;

void note_read(void const* from, std::size_t bytes)
{
    auto const first = reinterpret_cast<std::uint64_t>(from);
    if (first - control.guest.first < control.guest.bytes)
        control.reads.push_back({first, bytes});
}

[[nodiscard]] bool is_read_only(std::uint64_t address, std::size_t bytes)
{
    cpu::FakeState const& state = cpu::fake_state;
    return address < state.read_only_end && address + bytes > state.read_only_begin;
}

/// A copy to or from where there is nothing fails, and is noted. Addresses wrap around.
[[nodiscard]] bool is_nowhere(std::uint64_t address, std::size_t bytes)
{
    if (address - control.nowhere.first >= control.nowhere.bytes)
        return false;
    control.tried.push_back({address, bytes});
    return true;
}

[[nodiscard]] std::size_t copy(void* to, void const* from, std::size_t bytes, void const* caller)
{
    if (is_nowhere(reinterpret_cast<std::uint64_t>(to), bytes) || is_nowhere(reinterpret_cast<std::uint64_t>(from), bytes))
        return bytes;
    if (reinterpret_cast<std::uint64_t>(to) < unmapped_below || reinterpret_cast<std::uint64_t>(from) < unmapped_below ||
        is_read_only(reinterpret_cast<std::uint64_t>(to), bytes) || fails(Watch::copies, caller))
        return bytes;
    if (control.guest.bytes)
        note_read(from, bytes);
    std::memcpy(to, from, bytes);
    return 0;
}

} // namespace
} // namespace rf::injection

extern "C" {

std::size_t guest_copy(void* to, void const* from, std::size_t bytes)
{
    return rf::injection::copy(to, from, bytes, __builtin_return_address(0));
}
#define WORD_COPY(count)                                                                                                                     \
    std::uint64_t guest_copy_words_##count(void* to, void const* from)                                                                       \
    {                                                                                                                                        \
        return rf::injection::copy(to, from, count * 8, __builtin_return_address(0));                                                        \
    }
#include "word_copies.hpp"
std::uint64_t guest_copy_dword(void* to, void const* from)
{
    return rf::injection::copy(to, from, 4, __builtin_return_address(0));
}
std::size_t guest_clear(void* to, std::uint64_t, std::size_t bytes)
{
    if (rf::injection::is_nowhere(reinterpret_cast<std::uint64_t>(to), bytes) ||
        rf::injection::fails(rf::injection::Watch::copies, __builtin_return_address(0)))
        return bytes;
    std::memset(to, 0, bytes);
    return 0;
}

using rf::Mfn;
using rf::Result;
using rf::mm::Contents;
using rf::mm::FrameAllocator;

Result<Mfn> __real__ZN2rf2mm14FrameAllocator8allocateEjNS0_8ContentsEjm(FrameAllocator*, unsigned, Contents, unsigned, std::uint64_t);
Result<Mfn> __wrap__ZN2rf2mm14FrameAllocator8allocateEjNS0_8ContentsEjm(FrameAllocator* allocator, unsigned order, Contents contents,
                                                                        unsigned address_bits, std::uint64_t from_claim)
{
    if (rf::injection::fails(rf::injection::Watch::allocations, __builtin_return_address(0)))
        return rf::fail(rf::Errno::enomem);
    return __real__ZN2rf2mm14FrameAllocator8allocateEjNS0_8ContentsEjm(allocator, order, contents, address_bits, from_claim);
}

Result<Mfn> __real__ZN2rf2mm7Account14allocate_frameEv(rf::mm::Account*);
Result<Mfn> __wrap__ZN2rf2mm7Account14allocate_frameEv(rf::mm::Account* account)
{
    rf::injection::Asking const asking(__builtin_return_address(0));
    return __real__ZN2rf2mm7Account14allocate_frameEv(account);
}

void* __real__ZN2rf2mm7Account8allocateEm(rf::mm::Account*, std::size_t bytes);
void* __wrap__ZN2rf2mm7Account8allocateEm(rf::mm::Account* account, std::size_t bytes)
{
    rf::injection::Asking const asking(__builtin_return_address(0));
    return __real__ZN2rf2mm7Account8allocateEm(account, bytes);
}

void* __real__ZN2rf2mm13heap_allocateEm(std::size_t bytes);
void* __wrap__ZN2rf2mm13heap_allocateEm(std::size_t bytes)
{
    if (rf::injection::fails(rf::injection::Watch::allocations, __builtin_return_address(0)))
        return nullptr;
    return __real__ZN2rf2mm13heap_allocateEm(bytes);
}
}
