// SPDX-License-Identifier: MIT
#include "cpu/xstate.hpp"

#include "base/panic.hpp"
#include "cpu/features.hpp"
#include "cpu/registers.hpp"

#include <algorithm>
#include <cstring>

namespace rf::cpu {
namespace {

// FXSAVE layout and XSAVE header (SDM vol. 1, 10.5.1 and 13.4).
constexpr std::size_t offset_fcw = 0;
constexpr std::size_t offset_mxcsr = 24;
constexpr std::size_t legacy_size = 512;
constexpr std::size_t offset_present = 512; ///< XSTATE_BV
constexpr std::size_t header_end = 576;
constexpr std::uint32_t default_mxcsr = 0x1f80;
/// MXCSR bits that every 64-bit processor has; DAZ included.
constexpr std::uint32_t mxcsr_mask = 0xffff;
/// Every supported component in standard form: AVX-512 ends here on Intel's layout, earlier on AMD's.
constexpr std::size_t capacity = 2688;
/// What the XSAVE family asks for.
constexpr std::size_t alignment = 64;

template <class T>
void put(std::byte* area, std::size_t offset, T value) { std::memcpy(area + offset, &value, sizeof value); }
template <class T>
[[nodiscard]] T get(std::byte const* area, std::size_t offset)
{
    T value;
    std::memcpy(&value, area + offset, sizeof value);
    return value;
}

/// End of a component in standard form.
[[nodiscard]] std::size_t component_end(unsigned number)
{
    CpuidResult const place = cpuid(0xd, number);
    return static_cast<std::size_t>(place.eax) + place.ebx;
}

[[nodiscard]] std::uint64_t choose_xcr0()
{
    Features const& f = host();
    std::uint64_t chosen = xcr0::x87 | xcr0::sse;
    if (!f.xsave)
        return chosen;
    auto const fits = [&](std::uint64_t wanted) {
        return (f.xcr0_supported & wanted) == wanted && xstate_size(chosen | wanted) <= capacity;
    };
    if (fits(xcr0::avx)) {
        chosen |= xcr0::avx;
        if (fits(xcr0::avx512))
            chosen |= xcr0::avx512;
    }
    return chosen;
}

constinit std::uint64_t chosen_xcr0 = 0;

} // namespace

std::uint64_t supported_xcr0()
{
    if (!chosen_xcr0)
        chosen_xcr0 = choose_xcr0();
    return chosen_xcr0;
}

std::size_t xstate_size(std::uint64_t components)
{
    if (!host().xsave)
        return legacy_size;
    std::size_t size = header_end;
    for (unsigned number = 2; number < 63; ++number)
        if (components >> number & 1)
            size = std::max(size, component_end(number));
    return size;
}

std::size_t ExtendedState::room() { return (xstate_size(supported_xcr0()) + alignment - 1) & ~(alignment - 1); }

ExtendedState::ExtendedState(std::span<std::byte> memory) : area_(memory.first(room()))
{
    require(reinterpret_cast<std::uintptr_t>(area()) % alignment == 0, "an XSAVE area is aligned");
    reset();
}

void ExtendedState::reset()
{
    xcr0_ = xcr0::x87;
    std::memset(area(), 0, area_.size());
    put<std::uint16_t>(area(), offset_fcw, 0x37f);
    put<std::uint32_t>(area(), offset_mxcsr, default_mxcsr);
    put<std::uint64_t>(area(), offset_present, host().xsave ? xcr0::x87 | xcr0::sse : 0);
}

void ExtendedState::save()
{
    clear_task_switched();
    Features const& f = host();
    if (!f.xsave) {
        fxsave(area());
        return;
    }
    if (xcr0_ != supported_xcr0())
        write_xcr0(supported_xcr0()); // what the vCPU switched off may still hold its values
    if (f.xsaveopt)
        xsaveopt(area());
    else
        xsave(area());
}

void ExtendedState::restore()
{
    clear_task_switched();
    Features const& f = host();
    if ((f.vendor == Vendor::amd || f.vendor == Vendor::hygon) && !f.xsave_error_pointers)
        clear_x87_pointers();
    if (!f.xsave) {
        fxrstor(area());
        return;
    }
    // Everything is loaded, also what the vCPU has switched off, so that nothing of its predecessor stays behind.
    if (read_xcr0() != supported_xcr0())
        write_xcr0(supported_xcr0());
    xrstor(area());
    if (xcr0_ != supported_xcr0())
        write_xcr0(xcr0_);
}

Status ExtendedState::set_xcr0(std::uint64_t value)
{
    bool const valid = value & xcr0::x87 && !(value & ~supported_xcr0()) &&
                       (!(value & xcr0::avx) || value & xcr0::sse) &&
                       (!(value & xcr0::avx512) || ((value & xcr0::avx512) == xcr0::avx512 && value & xcr0::avx));
    if (!valid || !host().xsave)
        return fail(Errno::einval);
    xcr0_ = value;
    return {};
}

void ExtendedState::sanitise_mxcsr()
{
    put<std::uint32_t>(area(), offset_mxcsr, get<std::uint32_t>(area(), offset_mxcsr) & mxcsr_mask);
}

void ExtendedState::read_legacy(std::span<std::byte, 512> to) const
{
    std::memcpy(to.data(), area(), to.size());
    if (!host().xsave)
        return;
    // A component in its initial state may be stored as anything: give the values that it stands for.
    std::uint64_t const present = get<std::uint64_t>(area(), offset_present);
    if (!(present & xcr0::x87)) {
        std::memset(to.data(), 0, offset_mxcsr);
        std::memset(to.data() + 32, 0, 128);
        put<std::uint16_t>(to.data(), offset_fcw, 0x37f);
    }
    if (!(present & xcr0::sse))
        std::memset(to.data() + 160, 0, 256);
}

void ExtendedState::write_legacy(std::span<std::byte const, 512> from)
{
    std::memset(area(), 0, area_.size());
    std::memcpy(area(), from.data(), from.size());
    std::memset(area() + 464, 0, legacy_size - 464); // the end of the legacy area is ours to define
    sanitise_mxcsr();
    put<std::uint64_t>(area(), offset_present, host().xsave ? xcr0::x87 | xcr0::sse : 0);
}

std::span<std::byte const> ExtendedState::image() const { return {area(), xstate_size(supported_xcr0())}; }

Status ExtendedState::write_image(std::span<std::byte const> from)
{
    if (!host().xsave || from.size() < header_end)
        return fail(Errno::einval);
    std::uint64_t const present = get<std::uint64_t>(from.data(), offset_present);
    bool const reserved_clear = std::all_of(from.data() + offset_present + 8, from.data() + header_end,
                                            [](std::byte b) { return b == std::byte{0}; });
    if (present & ~supported_xcr0() || !reserved_clear || from.size() < xstate_size(present))
        return fail(Errno::einval);
    std::memset(area(), 0, area_.size());
    std::memcpy(area(), from.data(), std::min(from.size(), xstate_size(supported_xcr0())));
    sanitise_mxcsr();
    return {};
}

} // namespace rf::cpu
