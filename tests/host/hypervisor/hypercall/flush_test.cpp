// SPDX-License-Identifier: MIT
// Flushes that guests ask for: which CPUs forget what. A flush that reaches too few leaves a guest with wrong memory, one
// that reaches others' CPUs lets a guest slow its neighbours down.
#include "../pvmmu/world.hpp"

namespace rf::pvmmu_tests {
namespace {

class FlushCalls : public World {
protected:
    void SetUp() override
    {
        start(a);
        audits = false;
        // vCPU 0 runs here, vCPU 1 on CPU 3; CPU 5 has an address space of the domain as well.
        a.vcpu(0).set_loaded_cpu(0);
        a.vcpu(1).set_loaded_cpu(3);
        for (CpuId cpu : {0u, 3u, 5u})
            a.domain->mark_loaded(static_cast<CpuId>(cpu));
        cpu::fake_tlb.online = 0b111111;
    }
    void TearDown() override
    {
        for (VcpuId id : {0, 1})
            a.vcpu(id).set_loaded_cpu(max_cpus);
        for (CpuId cpu : {0u, 3u, 5u})
            a.domain->mark_unloaded(static_cast<CpuId>(cpu));
    }
    struct Seen {
        std::int64_t result;
        std::uint64_t cpus;
        bool everything;
    };
    template <class Action>
    Seen watch(Action action)
    {
        cpu::fake_tlb.last_asked = 0;
        std::uint32_t const clock = cpu::fake_tlb.clock;
        std::int64_t const result = action();
        return {result, cpu::fake_tlb.last_asked, cpu::fake_tlb.clock != clock};
    }
    Seen flush(std::uint32_t command, std::uint64_t second = 0)
    {
        return watch([&] { return extend(a, extended(command, 7 * page_size, second)); });
    }
    /// Writes the entry of page 20 as it is, and flushes as `flags` say.
    Seen rewrite(std::uint64_t flags)
    {
        return watch([&] {
            return run(a, hypercall::update_va_mapping, {20 * page_size, entry(a[20], read_write), flags});
        });
    }
    static void expect(Seen const& seen, std::uint64_t cpus, bool everything)
    {
        EXPECT_EQ(seen.result, 0);
        EXPECT_EQ(seen.cpus, cpus);
        EXPECT_EQ(seen.everything, everything);
    }
};

TEST_F(FlushCalls, HereOrWhereverTheDomainIs)
{
    expect(flush(xen::MMUEXT_TLB_FLUSH_LOCAL), 0b000001, true);
    expect(flush(xen::MMUEXT_INVLPG_LOCAL), 0b000001, false);
    expect(flush(xen::MMUEXT_TLB_FLUSH_ALL), 0b101001, true);
    expect(flush(xen::MMUEXT_INVLPG_ALL), 0b101001, false);
}

TEST_F(FlushCalls, WhereTheNamedVcpusAre)
{
    std::uint64_t vcpus = 0b10;
    expect(flush(xen::MMUEXT_TLB_FLUSH_MULTI, address(&vcpus)), 0b001000, true);
    vcpus = ~0ull;
    expect(flush(xen::MMUEXT_INVLPG_MULTI, address(&vcpus)), 0b001001, false);
    a.vcpu(1).set_loaded_cpu(max_cpus);
    expect(flush(xen::MMUEXT_TLB_FLUSH_MULTI, address(&vcpus)), 0b000001, true);
    vcpus = 0;
    expect(flush(xen::MMUEXT_TLB_FLUSH_MULTI, address(&vcpus)), 0, false);
    EXPECT_EQ(flush(xen::MMUEXT_TLB_FLUSH_MULTI, 0x1000).result, error(Errno::efault));
    EXPECT_EQ(flush(xen::MMUEXT_INVLPG_MULTI, 0x1000).result, error(Errno::efault));
}

TEST_F(FlushCalls, AfterAnEntryWasWritten)
{
    std::uint64_t vcpus = 0b10;
    expect(rewrite(xen::UVMF_NONE), 0, false);
    expect(rewrite(3), 0, false);
    expect(rewrite(xen::UVMF_TLB_FLUSH | xen::UVMF_LOCAL), 0b000001, true);
    expect(rewrite(xen::UVMF_INVLPG | xen::UVMF_LOCAL), 0b000001, false);
    expect(rewrite(xen::UVMF_TLB_FLUSH | xen::UVMF_ALL), 0b101001, true);
    expect(rewrite(xen::UVMF_INVLPG | xen::UVMF_ALL), 0b101001, false);
    expect(rewrite(xen::UVMF_TLB_FLUSH | address(&vcpus)), 0b001000, true);
    expect(rewrite(xen::UVMF_INVLPG | address(&vcpus)), 0b001000, false);
    EXPECT_EQ(rewrite(xen::UVMF_INVLPG | 0x1000).result, error(Errno::efault));
}

TEST_F(FlushCalls, CachesAreForThoseWithDevices)
{
    unsigned const before = cpu::fake_registers.cache_flushes;
    EXPECT_EQ(flush(xen::MMUEXT_FLUSH_CACHE).result, error(Errno::eacces));
    EXPECT_EQ(flush(xen::MMUEXT_FLUSH_CACHE_GLOBAL).result, error(Errno::eacces));
    EXPECT_EQ(cpu::fake_registers.cache_flushes, before);
    ASSERT_TRUE(a.domain->own_rights().value()->ports.add(0x300, 0x307));
    EXPECT_EQ(flush(xen::MMUEXT_FLUSH_CACHE).result, 0);
    EXPECT_EQ(flush(xen::MMUEXT_FLUSH_CACHE_GLOBAL).result, 0);
    EXPECT_EQ(cpu::fake_registers.cache_flushes, before + 2);
    EXPECT_EQ(flush(99).result, error(Errno::enosys));
}

} // namespace
} // namespace rf::pvmmu_tests
