// SPDX-License-Identifier: MIT
/// The stand-ins that fake_state.hpp describes; copies to and from guests are in injection.cpp.
#include "fake_state.hpp"

#include "cpu/xstate.hpp"

#include <cstring>

namespace rf::cpu {

Features const& host() { return fake_state.features; }
std::uint64_t supported_xcr0() { return fake_state.components; }
/// In standard form, as far as AVX.
std::size_t xstate_size(std::uint64_t xcr0) { return xcr0 & 4 ? 832 : 576; }

std::size_t ExtendedState::room() { return 832; }
ExtendedState::ExtendedState(std::span<std::byte> memory) : area_(memory) {}
Status ExtendedState::set_xcr0(std::uint64_t value)
{
    if (!(value & 1) || value & ~fake_state.components)
        return fail(Errno::einval);
    xcr0_ = value;
    return {};
}
std::span<std::byte const> ExtendedState::image() const { return area_.first(xstate_size(fake_state.components)); }
void ExtendedState::read_legacy(std::span<std::byte, 512> to) const { std::memcpy(to.data(), area(), to.size()); }
void ExtendedState::write_legacy(std::span<std::byte const, 512> from) { std::memcpy(area(), from.data(), from.size()); }
Status ExtendedState::write_image(std::span<std::byte const> from)
{
    if (from.size() != xstate_size(fake_state.components))
        return fail(Errno::einval);
    std::memcpy(area(), from.data(), from.size());
    return {};
}

} // namespace rf::cpu
