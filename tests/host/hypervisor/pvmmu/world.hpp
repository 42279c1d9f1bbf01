// SPDX-License-Identifier: MIT
#pragma once
/// Whole domains on the host whose page tables are real: guests write them as bytes, hypercalls check them, and after each
/// step the audit counts everything again.

#include "../hypercall/world.hpp"
#include "audit/auditor.hpp"
#include "audit/domains.hpp"
#include "cpu/guards.hpp"
#include "fake_tlb.hpp"
#include "mm/zero_frame.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/descriptor.hpp"
#include "pvmmu/update.hpp"
#include "xen/mmu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace rf::pvmmu_tests {

using audit::Account;
using pvmmu::Entry;
using hypercall::Arguments;
using hypercall_tests::run_segment;
using hypercall_tests::Segment;
using mm::FrameType;

inline constexpr std::uint64_t readable = Entry::present | Entry::user | Entry::accessed;
inline constexpr std::uint64_t read_write = readable | Entry::writable | Entry::dirty;
inline constexpr std::uint64_t link = read_write;
/// Result of a hypercall that failed.
[[nodiscard]] constexpr std::int64_t error(Errno number) { return to_guest(number); }

/// Findings as text.
class FoundLines final : public audit::Findings {
public:
    void add(audit::Finding const& finding) override
    {
        char text[200];
        std::snprintf(text, sizeof text, "%.*s: frame %#lx state %#lx stored %#lx counted %#lx",
                      static_cast<int>(finding.what.size()), finding.what.data(), finding.frame.value,
                      finding.frame.valid() ? mm::frames[finding.frame].load().word() : 0, finding.stored,
                      finding.counted);
        lines.emplace_back(text);
    }
    std::vector<std::string> lines;
};

/// All that the audit of the whole fake machine finds.
inline std::vector<std::string> audit_findings()
{
    static std::vector<Account> accounts;
    accounts.assign(mm::frames.limit().value, Account{});
    FoundLines found;
    audit::Domains domains;
    audit::Auditor auditor(accounts, domains, found);
    bool const clean = auditor.run();
    EXPECT_EQ(clean, found.lines.empty());
    return found.lines;
}

/// A guest: its domain and the frames that it got, in order.
struct Guest {
    domain::Domain* domain = nullptr;
    std::vector<Mfn> frames;

    [[nodiscard]] Mfn operator[](std::size_t index) const { return frames[index]; }
    [[nodiscard]] DomainId id() const { return domain->id(); }
    [[nodiscard]] domain::Vcpu& vcpu(VcpuId id = 0) const { return *domain->vcpu(id); }
};

[[nodiscard]] inline std::uint64_t& slot(Mfn table, unsigned index) { return direct_as<std::uint64_t>(table)[index]; }
[[nodiscard]] inline std::uint64_t entry(Mfn frame, std::uint64_t flags) { return Entry::of(frame, flags).bits(); }
[[nodiscard]] inline mm::FrameState state(Mfn mfn) { return mm::frames[mfn].load(); }
[[nodiscard]] inline std::uint64_t machine(Mfn table, unsigned index) { return (table.value << page_shift) + index * 8; }

class World : public testing::Test {
protected:
    static constexpr unsigned frames_each = 64;

    World()
    {
        testing_machine::ensure();
        if (time::tsc_khz() == 0)
            time::init(1'000'000, 0);
        if (!sched::scheduler.online().contains(0))
            sched::scheduler.start_cpu(0, 0);
        if (!mm::zero_frame().valid())
            mm::create_zero_frame();
        if (!mm::hypervisor_space.root().valid())
            make_m2p();
        // The guests run on views of their roots, as on a processor that reads ahead of its rights.
        cpu::adopt_guards({.separate_guests = true});
        dom0 = make(domain_zero, domain::Role::control);
        a = make(DomainId{9}, domain::Role::guest);
        b = make(DomainId{10}, domain::Role::guest);
    }
    ~World() override
    {
        cpu::stack_top().current = nullptr;
        audit_is_clean("at the end");
        for (Guest* guest : {&b, &a, &dom0}) {
            destroy(*guest);
            if (!spoiled)
                audit_is_clean("after the end of a domain");
        }
        domain::reap();
        EXPECT_FALSE(domain::find(DomainId{9}));
        EXPECT_FALSE(domain::find(DomainId{10}));
        EXPECT_FALSE(domain::find(domain_zero));
        cpu::fake_tlb.online = 1;
    }

    /// The one piece of M2P that so small a machine has, as boot leaves it; once per process.
    static void make_m2p()
    {
        EXPECT_TRUE(mm::hypervisor_space.create([] { return mm::allocator.allocate(0); }));
        Mfn const first = mm::allocator.allocate(9).value();
        for (unsigned i = 0; i < 512; ++i)
            mm::frames[first + i].state.store(mm::FrameState{}.plus_references(1).word());
        EXPECT_TRUE(mm::hypervisor_space.map(address_map::m2p_guest, MachineAddress::of(first), page_size << 9,
                                             mm::Access::guest_read, mm::Caching::write_back, mm::PageLimit::two_mib));
        EXPECT_EQ(mm::m2p_piece(0), first);
    }

    static Guest make(DomainId id, domain::Role role)
    {
        domain::Configuration configuration;
        configuration.role = role;
        configuration.max_vcpus = 2;
        configuration.max_event_port = 1023;
        configuration.max_grant_frames = 4;
        configuration.max_maptrack_frames = 4;
        auto made = domain::Domain::create(id, configuration);
        EXPECT_TRUE(made);
        Guest guest;
        guest.domain = made->get();
        for (VcpuId vcpu = 0; vcpu < 2; ++vcpu)
            EXPECT_TRUE(guest.domain->create_vcpu(vcpu));
        EXPECT_TRUE(domain::enter(std::move(*made)));
        for (unsigned i = 0; i < frames_each; ++i)
            guest.frames.push_back(guest.domain->memory.allocate(0).value());
        return guest;
    }
    static void destroy(Guest& guest, std::uint32_t units = ~0u)
    {
        if (!guest.domain)
            return;
        LockGuard guard(guest.domain->control_lock);
        for (unsigned steps = 0; steps < 100'000; ++steps) {
            Budget budget{units};
            if (domain::destroy_step(*guest.domain, budget) == Progress::done) {
                guest.domain = nullptr;
                return;
            }
        }
        ADD_FAILURE() << "a domain does not die";
    }

    void audit_is_clean(char const* when = "")
    {
        auto const lines = audit_findings();
        for (std::size_t i = 0; i < std::min<std::size_t>(lines.size(), 8); ++i)
            ADD_FAILURE() << "audit " << when << ": " << lines[i];
        spoiled = spoiled || !lines.empty();
    }

    // ---- hypercalls of `guest`, with their continuations; the audit follows each segment

    Segment once(Guest& guest, hypercall::Handler handler, Arguments const& arguments, VcpuId vcpu = 0)
    {
        cpu::stack_top().current = &guest.vcpu(vcpu);
        auto const outcome = run_segment(guest.vcpu(vcpu), *guest.domain, handler, arguments);
        cpu::stack_top().current = nullptr;
        if (audits)
            audit_is_clean("after a hypercall");
        return outcome;
    }
    std::int64_t run(Guest& guest, hypercall::Handler handler, Arguments arguments, VcpuId vcpu = 0)
    {
        for (segments = 1;; ++segments) {
            auto const outcome = once(guest, handler, arguments, vcpu);
            if (!outcome.is_again())
                return outcome.result();
            arguments = outcome.next_arguments();
        }
    }
    static std::uint64_t address(void const* object) { return reinterpret_cast<std::uint64_t>(object); }

    std::int64_t update(Guest& guest, std::vector<xen::mmu_update> requests, std::uint32_t parties = domid_self.value)
    {
        done = 0;
        return run(guest, hypercall::mmu_update, {address(requests.data()), requests.size(), address(&done), parties});
    }
    std::int64_t write(Guest& guest, Mfn table, unsigned index, std::uint64_t value,
                       std::uint32_t parties = domid_self.value, unsigned command = xen::MMU_NORMAL_PT_UPDATE)
    {
        return update(guest, {{machine(table, index) | command, value}}, parties);
    }
    static xen::mmuext_op extended(std::uint32_t command, std::uint64_t first, std::uint64_t second = 0)
    {
        xen::mmuext_op op{};
        op.cmd = command;
        op.arg1.mfn = first;
        op.arg2.src_mfn = second;
        return op;
    }
    std::int64_t extend(Guest& guest, xen::mmuext_op op, VcpuId vcpu = 0, std::uint64_t parties = domid_self.value)
    {
        done = 0;
        return run(guest, hypercall::mmuext_op, {address(&op), 1, address(&done), parties}, vcpu);
    }
    std::int64_t pin(Guest& guest, Mfn mfn, unsigned level)
    {
        return extend(guest, extended(xen::MMUEXT_PIN_L1_TABLE + level - 1, mfn.value));
    }
    std::int64_t unpin(Guest& guest, Mfn mfn) { return extend(guest, extended(xen::MMUEXT_UNPIN_TABLE, mfn.value)); }
    std::int64_t map(Guest& guest, std::uint64_t virtual_address, std::uint64_t value, VcpuId vcpu = 0)
    {
        return run(guest, hypercall::update_va_mapping, {virtual_address, value, 0}, vcpu);
    }
    std::int64_t map_other(Guest& guest, std::uint64_t virtual_address, std::uint64_t value, DomainId owner)
    {
        return run(guest, hypercall::update_va_mapping_otherdomain, {virtual_address, value, 0, owner.value});
    }

    /// The usual small address space in frames 0..3 (levels 4..1): page i of the guest is mapped at i * 4096, the tables
    /// read-only. Bytes only; nothing is pinned.
    static void draw_tables(Guest const& guest, unsigned pages = 32)
    {
        for (unsigned table = 0; table < 4; ++table)
            for (unsigned i = 0; i < table_entries; ++i)
                slot(guest[table], i) = 0;
        for (unsigned level = 0; level < 3; ++level)
            slot(guest[level], 0) = entry(guest[level + 1], link);
        for (unsigned i = 0; i < pages; ++i)
            slot(guest[3], i) = entry(guest[i], i < 4 ? readable : read_write);
    }
    /// The same, pinned and loaded on vCPU 0.
    void start(Guest& guest)
    {
        draw_tables(guest);
        ASSERT_EQ(pin(guest, guest[0], 4), 0);
        ASSERT_EQ(extend(guest, extended(xen::MMUEXT_NEW_BASEPTR, guest[0].value)), 0);
    }
    static void expect_type(Mfn mfn, FrameType type, std::uint64_t uses)
    {
        EXPECT_EQ(state(mfn).type(), type) << "frame " << mfn.value;
        EXPECT_EQ(state(mfn).type_count(), uses) << "frame " << mfn.value;
    }

    Guest dom0, a, b;
    std::uint32_t done = 0;
    unsigned segments = 0;
    bool audits = true;
    bool spoiled = false;
};

} // namespace rf::pvmmu_tests
