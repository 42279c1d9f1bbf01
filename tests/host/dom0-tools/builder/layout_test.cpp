// SPDX-License-Identifier: MIT
/// Story: the guest wakes up in page tables that we wrote. A processor's walk from CR3 must find every address of the window
/// at the frame that the p2m says, tables read-only, all else writable; the p2m where the kernel wants it, complete to the
/// end of its last page; start_info and registers that agree with it. Frames are scattered, so that no accident helps.
#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "builder/page_tables.hpp"
#include "builder/start_info.hpp"
#include "cpu/page_entry.hpp"

namespace rf::builder {
namespace {

namespace entry = cpu::page_entry;

/// A domain's frames as the builder sees them: a random machine frame for each, and memory for those that are written.
class FakeDomain {
public:
    FakeDomain(const dom0::KernelNotes& notes, std::uint64_t initrd_bytes, std::uint64_t pages)
        : plan(make_guest_plan(notes, initrd_bytes, pages).value())
    {
        for (std::uint64_t i = 0; i < pages; ++i)
            frames.push_back(0x10000 + 3 * i);
        std::shuffle(frames.begin(), frames.end(), std::mt19937(42));
        const dom0::Plan& places = plan.places;
        std::vector<std::uint64_t> tables(places.tables.count * table_entries, 0x5555);
        write_window_tables(places, frames, tables);
        std::vector<std::uint64_t> p2m(places.p2m.count * table_entries, 0x5555);
        write_p2m(frames, p2m);
        std::vector<std::uint64_t> p2m_tables(places.p2m_tables.count * table_entries, 0x5555);
        if (!places.p2m_in_window)
            write_p2m_tables(places, frames, std::span(tables).first(table_entries), p2m_tables);
        store(places.tables.first, tables);
        store(places.p2m.first, p2m);
        store(places.p2m_tables.first, p2m_tables);
    }

    /// The level-1 entry for an address, by a processor's walk from the top-level table.
    [[nodiscard]] std::optional<std::uint64_t> walk(std::uint64_t address) const
    {
        std::uint64_t mfn = frames[plan.places.tables.first.value];
        for (unsigned level = 4;; --level) {
            const auto table = memory.find(mfn);
            if (table == memory.end())
                return std::nullopt;
            const std::uint64_t value = table->second[entry::index(address, level)];
            if (!(value & entry::present) || level == 1)
                return value & entry::present ? std::optional(value) : std::nullopt;
            EXPECT_TRUE(value & entry::writable && value & entry::user) << "level " << level;
            mfn = (value & entry::address_mask) >> page_shift;
        }
    }
    [[nodiscard]] std::uint64_t word(std::uint64_t mfn, unsigned index) const { return memory.at(mfn)[index]; }

    GuestPlan plan;
    std::vector<std::uint64_t> frames;

private:
    void store(Pfn first, const std::vector<std::uint64_t>& words)
    {
        for (std::size_t i = 0; i < words.size(); ++i)
            memory[frames[first.value + i / table_entries]][i % table_entries] = words[i];
    }
    std::map<std::uint64_t, std::array<std::uint64_t, table_entries>> memory;
};

/// As Debian's kernel.
dom0::KernelNotes linux_notes()
{
    dom0::KernelNotes notes;
    notes.virt_base = 0xffff'ffff'8000'0000;
    notes.entry = 0xffff'ffff'8307'91c0;
    notes.init_p2m = 0x80'0000'0000;
    notes.mod_start_pfn = true;
    notes.image_start = 0xffff'ffff'8100'0000;
    notes.image_end = 0xffff'ffff'84a0'0000;
    return notes;
}

/// As a small guest without any wishes.
dom0::KernelNotes simple_notes()
{
    dom0::KernelNotes notes;
    notes.virt_base = 0;
    notes.entry = 0x10'0000;
    notes.image_start = 0x10'0000;
    notes.image_end = 0x14'3210;
    return notes;
}

void check_window(const FakeDomain& domain)
{
    const dom0::Plan& places = domain.plan.places;
    for (std::uint64_t pfn = 0; pfn < places.window.count; ++pfn) {
        const auto found = domain.walk(places.address_of(Pfn{pfn}));
        ASSERT_TRUE(found) << "pfn " << pfn;
        ASSERT_EQ((*found & entry::address_mask) >> page_shift, domain.frames[pfn]) << "pfn " << pfn;
        ASSERT_EQ(bool(*found & entry::writable), !places.tables.contains(Pfn{pfn})) << "pfn " << pfn;
    }
    EXPECT_FALSE(domain.walk(places.window_end));
    EXPECT_FALSE(domain.walk(0x7000'0000'0000));
}

void check_p2m(const FakeDomain& domain)
{
    const dom0::Plan& places = domain.plan.places;
    for (std::uint64_t i = 0; i < places.p2m.count; ++i) {
        const auto found = domain.walk(places.p2m_address + i * page_size);
        ASSERT_TRUE(found);
        ASSERT_TRUE(*found & entry::writable);
        const std::uint64_t mfn = (*found & entry::address_mask) >> page_shift;
        for (unsigned j = 0; j < table_entries; ++j) {
            const std::uint64_t pfn = i * table_entries + j;
            ASSERT_EQ(domain.word(mfn, j), pfn < places.pages ? domain.frames[pfn] : ~0ull) << pfn;
        }
    }
}

TEST(Layout, LinuxGuest)
{
    const FakeDomain domain(linux_notes(), 5'000'001, 32768 + 5);
    const dom0::Plan& places = domain.plan.places;
    check_window(domain);
    check_p2m(domain);
    EXPECT_EQ(places.p2m_address, 0x80'0000'0000u);
    EXPECT_FALSE(places.initrd_in_window);
    EXPECT_GE(places.initrd.first.value, places.window.count);
    EXPECT_EQ(places.initrd.count, 1221u);
    EXPECT_GE(places.window_end - places.address_of(places.stack.end()), 512u << 10);
    EXPECT_EQ(places.window_end % (4u << 20), 0u);
    EXPECT_LE(places.pages_needed, places.pages);
}

TEST(Layout, GuestWithoutWishes)
{
    const FakeDomain domain(simple_notes(), 70'000, 2048);
    const dom0::Plan& places = domain.plan.places;
    check_window(domain);
    check_p2m(domain);
    EXPECT_TRUE(places.initrd_in_window);
    EXPECT_TRUE(places.p2m_in_window);
    EXPECT_EQ(domain.plan.behind().count, 0u);
}

TEST(Layout, NothingOverlaps)
{
    for (const auto& notes : {linux_notes(), simple_notes()}) {
        const auto plan = make_guest_plan(notes, 123'456, 65536);
        ASSERT_TRUE(plan);
        const dom0::Plan& places = plan->places;
        std::map<std::uint64_t, int> users;
        for (const dom0::PfnRange& range : {places.kernel, places.initrd, places.p2m, places.start_info, places.tables, places.stack,
                                            places.p2m_tables, dom0::PfnRange{plan->store_ring, 1}, dom0::PfnRange{plan->console_ring, 1}})
            for (std::uint64_t i = 0; i < range.count; ++i)
                ASSERT_EQ(++users[range.first.value + i], 1);
        EXPECT_LT(users.rbegin()->first, places.pages_needed);
        EXPECT_TRUE(places.window.contains(plan->store_ring) && places.window.contains(plan->console_ring));
        EXPECT_GE(places.kernel.count, (notes.image_end - notes.image_start + page_size - 1) / page_size);
    }
}

TEST(Layout, TooLittleMemorySaysHowMuchIsNeeded)
{
    const auto plan = make_guest_plan(linux_notes(), 20u << 20, 64 * 256);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().kind, Kind::invalid);
    EXPECT_NE(plan.error().what.find("<memory> is too small"), std::string::npos);
    EXPECT_NE(plan.error().what.find("the domain has 64 MiB"), std::string::npos) << plan.error().what;
}

TEST(StartInfo, AgreesWithThePlan)
{
    const auto plan = make_guest_plan(linux_notes(), 5000, 32768).value();
    StartFacts facts;
    facts.shared_info_frame = 0x1234;
    facts.store_frame = 0x111;
    facts.console_frame = 0x222;
    facts.store_port = xen::RemotePort(1);
    facts.console_port = xen::RemotePort(2);
    facts.initrd_bytes = 5000;
    facts.command_line = "console=hvc0";
    const ::xen::start_info info = make_start_info(plan, facts);
    EXPECT_STREQ(info.magic, "xen-3.0-x86_64");
    EXPECT_EQ(info.nr_pages, 32768u);
    EXPECT_EQ(info.shared_info, 0x1234000u);
    EXPECT_EQ(info.flags, ::xen::SIF_VIRT_P2M_4TOOLS | ::xen::SIF_MOD_START_PFN);
    EXPECT_EQ(info.store_mfn, 0x111u);
    EXPECT_EQ(info.store_evtchn, 1u);
    EXPECT_EQ(info.console.domU.mfn, 0x222u);
    EXPECT_EQ(info.console.domU.evtchn, 2u);
    EXPECT_EQ(info.pt_base, plan.places.address_of(plan.places.tables.first));
    EXPECT_EQ(info.nr_pt_frames, plan.places.tables.count);
    EXPECT_EQ(info.mfn_list, 0x80'0000'0000u);
    EXPECT_EQ(info.mod_start, plan.places.initrd.first.value);
    EXPECT_EQ(info.mod_len, 5000u);
    EXPECT_EQ(info.first_p2m_pfn, plan.places.p2m.first.value);
    EXPECT_EQ(info.nr_p2m_frames, plan.places.p2m.count + plan.places.p2m_tables.count);
    EXPECT_STREQ(info.cmd_line, "console=hvc0");
}

TEST(StartInfo, ALongCommandLineStaysTerminated)
{
    const auto plan = make_guest_plan(simple_notes(), 0, 2048).value();
    const std::string line(5000, 'x');
    StartFacts facts;
    facts.command_line = line;
    const ::xen::start_info info = make_start_info(plan, facts);
    EXPECT_EQ(info.cmd_line[1022], 'x');
    EXPECT_EQ(info.cmd_line[1023], '\0');
    EXPECT_EQ(info.mod_len, 0u);
    EXPECT_EQ(info.mod_start, 0u);
    EXPECT_EQ(info.nr_p2m_frames, 0u);
}

TEST(StartInfo, FirstVcpuStartsAtTheEntry)
{
    const auto plan = make_guest_plan(linux_notes(), 0, 32768).value();
    const auto context = make_first_context(plan, linux_notes(), 0x4321);
    EXPECT_EQ(context.user_regs.rip, 0xffff'ffff'8307'91c0);
    EXPECT_EQ(context.user_regs.rsi, plan.places.address_of(plan.places.start_info.first));
    EXPECT_EQ(context.user_regs.rsp, plan.places.address_of(plan.places.stack.end()));
    EXPECT_EQ(context.user_regs.cs, 0xe033);
    EXPECT_EQ(context.user_regs.ss, 0xe02b);
    EXPECT_EQ(context.user_regs.ds, 0);
    EXPECT_EQ(context.user_regs.rflags, 0x200u);
    EXPECT_EQ(context.ctrlreg[3], 0x4321000u);
    EXPECT_TRUE(context.flags & ::xen::VGCF_in_kernel);
    ::xen::shared_info shared;
    std::fill_n(reinterpret_cast<char*>(&shared), sizeof shared, 0x7f);
    initialise(shared);
    for (const auto& vcpu : shared.vcpu_info)
        EXPECT_EQ(vcpu.evtchn_upcall_mask, 1);
    EXPECT_EQ(shared.evtchn_pending[0], 0u);
    EXPECT_EQ(shared.arch.p2m_cr3, 0u);
}

}  // namespace
}  // namespace rf::builder
