// SPDX-License-Identifier: MIT
/// The stand-ins that fake_state.hpp describes; copies to and from guests are in injection.cpp.
#include "fake_state.hpp"

#include "cpu/xstate.hpp"
#include "pvcpu/context.hpp"

#include <cstring>

namespace rf::cpu {

Features const& host() { return fake_state.features; }
std::uint64_t supported_xcr0() { return fake_state.components; }
/// In standard form, as far as AVX.
std::size_t xstate_size(std::uint64_t xcr0) { return xcr0 & 4 ? 832 : 576; }

ExtendedState::ExtendedState() = default;
Status ExtendedState::set_xcr0(std::uint64_t value)
{
    if (!(value & 1) || value & ~fake_state.components)
        return fail(Errno::einval);
    xcr0_ = value;
    return {};
}
std::span<std::byte const> ExtendedState::image() const { return {storage_, xstate_size(fake_state.components)}; }
Status ExtendedState::write_image(std::span<std::byte const> from)
{
    if (from.size() != xstate_size(fake_state.components))
        return fail(Errno::einval);
    std::memcpy(storage_, from.data(), from.size());
    return {};
}

} // namespace rf::cpu

namespace rf::pvcpu {

Status load_context(domain::Vcpu& vcpu, xen::vcpu_guest_context const& context)
{
    if (!cpu::fake_state.refusals.empty()) {
        Errno const error = cpu::fake_state.refusals.back();
        cpu::fake_state.refusals.pop_back();
        return fail(error);
    }
    cpu::fake_state.loaded = context;
    vcpu.initialised.store(true, release);
    return {};
}

void save_context(domain::Vcpu const& vcpu, xen::vcpu_guest_context& context)
{
    context = cpu::fake_state.loaded;
    context.user_regs = vcpu.saved;
}

} // namespace rf::pvcpu
