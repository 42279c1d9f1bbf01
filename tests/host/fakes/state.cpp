// SPDX-License-Identifier: MIT
/// The stand-ins that fake_state.hpp describes. Guest addresses below 64 KiB fault, as in every test.
#include "fake_state.hpp"

#include "cpu/xstate.hpp"
#include "pvcpu/context.hpp"

#include <cstring>

namespace {

bool faults(std::uint64_t address, std::size_t bytes)
{
    constexpr std::uint64_t unmapped_below = 0x10000;
    return bytes && address < unmapped_below;
}

bool is_read_only(std::uint64_t address, std::size_t bytes)
{
    rf::cpu::FakeState const& state = rf::cpu::fake_state;
    return address < state.read_only_end && address + bytes > state.read_only_begin;
}

} // namespace

extern "C" {
std::size_t guest_copy(void* to, void const* from, std::size_t bytes)
{
    auto const target = reinterpret_cast<std::uint64_t>(to);
    if (faults(target, bytes) || faults(reinterpret_cast<std::uint64_t>(from), bytes) || is_read_only(target, bytes))
        return bytes;
    std::memcpy(to, from, bytes);
    return 0;
}
std::uint64_t guest_copy_words(void* to, void const* from, std::uint64_t words) { return guest_copy(to, from, words * 8); }
std::uint64_t guest_copy_dword(void* to, void const* from) { return guest_copy(to, from, 4); }
std::size_t guest_clear(void* to, std::uint64_t, std::size_t bytes)
{
    std::memset(to, 0, bytes);
    return 0;
}
}

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
