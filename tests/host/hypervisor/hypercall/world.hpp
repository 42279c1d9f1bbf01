// SPDX-License-Identifier: MIT
#pragma once
/// Whole domains on the host, for tests of control hypercalls: Dom0 with one vCPU that calls, and what it creates. Guest
/// memory is the test's own memory; addresses below 64 KiB fault.
///
/// Parts of the machine that no test here uses are replaced by weak stand-ins, which give way to real ones.

#include "../event/machine.hpp"
#include "cpu/features.hpp"
#include "cpu/tlb.hpp"
#include "cpu/xstate.hpp"
#include "domain/table.hpp"
#include "domain/teardown.hpp"
#include "domain/vcpu.hpp"
#include "hypercall/handlers.hpp"
#include "mm/hypervisor_space.hpp"
#include "sched/scheduler.hpp"
#include "time/clock.hpp"
#include "xen/domctl.h"
#include "xen/memory.h"

#include <gtest/gtest.h>

#include <vector>

extern "C" {
[[gnu::weak]] std::size_t guest_copy(void* to, void const* from, std::size_t bytes)
{
    constexpr std::uint64_t unmapped_below = 0x10000;
    if (reinterpret_cast<std::uint64_t>(to) < unmapped_below || reinterpret_cast<std::uint64_t>(from) < unmapped_below)
        return bytes;
    std::memcpy(to, from, bytes);
    return 0;
}
#define WORD_COPY(count)                                                                                                                     \
    [[gnu::weak]] std::uint64_t guest_copy_words_##count(void* to, void const* from) { return guest_copy(to, from, count * 8); }
#include "word_copies.hpp"
[[gnu::weak]] std::uint64_t guest_copy_dword(void* to, void const* from)
{
    return guest_copy(to, from, 4);
}
[[gnu::weak]] std::size_t guest_clear(void* to, std::uint64_t, std::size_t bytes)
{
    std::memset(to, 0, bytes);
    return 0;
}
}

namespace rf::hypercall_tests {

/// What one segment of a hypercall came to, with the arguments that would continue it.
struct Segment : hypercall::Outcome {
    hypercall::Arguments next;
    [[nodiscard]] hypercall::Arguments const& next_arguments() const { return next; }
};

/// Runs one segment as if a guest had called.
inline Segment run_segment(domain::Vcpu& vcpu, domain::Domain& domain, hypercall::Handler handler, hypercall::Arguments const& arguments)
{
    xen::cpu_user_regs registers{};
    hypercall::put_arguments(registers, arguments);
    hypercall::Call call{vcpu, domain, registers, false};
    hypercall::Outcome const outcome = handler(call);
    return {outcome, call.arguments()};
}

class World : public testing::Test {
protected:
    static constexpr DomainId guest_id{9};

    World()
    {
        testing_machine::ensure();
        if (time::tsc_khz() == 0)
            time::init(1'000'000, 0);
        if (!sched::scheduler.online().contains(0))
            sched::scheduler.start_cpu(0, 0);
        control = make(domain_zero, domain::Role::control);
        guest = make(guest_id, domain::Role::guest);
        caller = control;
    }
    ~World() override
    {
        for (domain::Domain* domain : {guest, control})
            if (domain)
                destroy(*domain);
        domain::reap();
        EXPECT_FALSE(domain::find(guest_id));
        EXPECT_FALSE(domain::find(domain_zero));
    }

    static domain::Domain* make(DomainId id, domain::Role role)
    {
        domain::Configuration configuration;
        configuration.role = role;
        configuration.max_event_port = 1023;
        configuration.max_grant_frames = 4;
        configuration.max_maptrack_frames = 4;
        auto made = domain::Domain::create(id, configuration);
        EXPECT_TRUE(made);
        domain::Domain* const domain = made->get();
        EXPECT_TRUE(domain->create_vcpu(0));
        EXPECT_TRUE(domain::enter(std::move(*made)));
        return domain;
    }
    static void destroy(domain::Domain& domain)
    {
        LockGuard guard(domain.control_lock);
        Budget budget{~0u};
        EXPECT_EQ(domain::destroy_step(domain, budget), Progress::done);
    }

    /// One segment of a hypercall of `caller`.
    Segment once(hypercall::Handler handler, hypercall::Arguments const& arguments)
    {
        return run_segment(*caller->vcpu(0), *caller, handler, arguments);
    }
    /// A hypercall with its continuations; counts the segments.
    std::int64_t run(hypercall::Handler handler, std::uint64_t first, void const* second = nullptr)
    {
        hypercall::Arguments arguments{first, address(second)};
        for (segments = 1;; ++segments) {
            auto const outcome = once(handler, arguments);
            if (!outcome.is_again())
                return outcome.result();
            arguments = outcome.next_arguments();
        }
    }
    std::int64_t memory(std::uint32_t command, void const* argument)
    {
        return run(hypercall::memory_op, command, argument);
    }
    std::int64_t control_domain(xen::xen_domctl& op)
    {
        return run(hypercall::domctl, address(&op));
    }
    static xen::xen_domctl request(std::uint32_t command, DomainId id = guest_id)
    {
        xen::xen_domctl op{};
        op.cmd = command;
        op.interface_version = xen::XEN_DOMCTL_INTERFACE_VERSION;
        op.domain = id.value;
        return op;
    }
    static std::uint64_t address(void const* object) { return reinterpret_cast<std::uint64_t>(object); }

    /// Gives `domain` `count` frames, numbered from `first_pfn`; as a domain builder does.
    std::vector<std::uint64_t> populate(domain::Domain& domain, std::uint64_t count, std::uint64_t first_pfn = 0)
    {
        std::vector<std::uint64_t> frames(count);
        for (std::uint64_t i = 0; i < count; ++i)
            frames[i] = first_pfn + i;
        auto const reservation = extents(frames, 0, domain.id());
        EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &reservation), static_cast<std::int64_t>(count));
        return frames;
    }
    static xen::xen_memory_reservation extents(std::vector<std::uint64_t>& list, std::uint32_t order, DomainId id,
                                               std::uint32_t flags = 0)
    {
        return {.extent_start = {address(list.data())},
                .nr_extents = list.size(),
                .extent_order = order,
                .mem_flags = flags,
                .domid = id.value};
    }

    domain::Domain* control = nullptr;
    domain::Domain* guest = nullptr;
    domain::Domain* caller = nullptr;
    unsigned segments = 0;
};

} // namespace rf::hypercall_tests

// ---- stand-ins: parts of the machine that the domains here never get to use

#include "dev/acpi.hpp"
#include "dev/pci.hpp"
#include "dev/power.hpp"
#include "pvcpu/context.hpp"
#include "pvcpu/cpuid_policy.hpp"
#include "pvcpu/hypercall_page.hpp"
#include "pvcpu/roots.hpp"

namespace rf::cpu {
[[gnu::weak]] std::uint32_t flush_clock_now() { return 0; }
[[gnu::weak]] void flush_cpus(CpuMask, FlushRange) {}
[[gnu::weak]] CpuMask filter_flushed_since(CpuMask, std::uint32_t) { return {}; }
[[gnu::weak]] CpuMask online() { return CpuMask::of(0); }
[[gnu::weak]] Features const& host()
{
    static Features const none;
    return none;
}
[[gnu::weak]] std::uint64_t supported_xcr0() { return 3; }
[[gnu::weak]] std::size_t xstate_size(std::uint64_t) { return 512; }
[[gnu::weak]] std::size_t ExtendedState::room() { return 512; }
[[gnu::weak]] ExtendedState::ExtendedState(std::span<std::byte> memory) : area_(memory) {}
[[gnu::weak]] Status ExtendedState::set_xcr0(std::uint64_t) { return fail(Errno::einval); }
[[gnu::weak]] void ExtendedState::read_legacy(std::span<std::byte, 512>) const {}
[[gnu::weak]] void ExtendedState::write_legacy(std::span<std::byte const, 512>) {}
[[gnu::weak]] Status ExtendedState::write_image(std::span<std::byte const>) { return fail(Errno::einval); }
[[gnu::weak]] std::span<std::byte const> ExtendedState::image() const { return {}; }
} // namespace rf::cpu

namespace rf::mm {
[[gnu::weak]] Mfn m2p_piece(std::uint64_t index) { return index == 0 ? Mfn{512} : invalid_mfn; }
[[gnu::weak]] bool is_m2p_frame(Mfn) { return false; }
} // namespace rf::mm

namespace rf::dev {
[[gnu::weak]] acpi::Tables machine_tables;
namespace power {
[[gnu::weak]] void reset() { std::abort(); }
[[gnu::weak]] void power_off() { std::abort(); }
[[gnu::weak]] void reset_unless_forbidden() { std::abort(); }
} // namespace power
namespace pci {
[[gnu::weak]] std::uint16_t find_capability(Configuration&, Address, std::uint8_t) { return 0; }
[[gnu::weak]] Result<Bar> read_bar(Configuration&, Address, unsigned) { return fail(Errno::einval); }
} // namespace pci
} // namespace rf::dev

namespace rf::pvcpu {
[[gnu::weak]] void write_hypercall_page(std::span<std::byte, page_size>) {}
[[gnu::weak]] CpuidPolicy const& system_policy(PolicyKind)
{
    static CpuidPolicy const empty;
    return empty;
}
[[gnu::weak]] Status CpuidPolicy::apply(std::span<CpuidLeaf const>, CpuidPolicy const&) { return {}; }
} // namespace rf::pvcpu
