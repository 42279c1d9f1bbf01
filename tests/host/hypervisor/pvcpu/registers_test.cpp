// SPDX-License-Identifier: MIT
// Control, debug and segment registers as a guest's kernel sees them: what it may choose, what it is shown, what reaches the
// processor, and what never does.
#include "../pvmmu/world.hpp"

#include "cpu/control.hpp"
#include "cpu/registers.hpp"
#include "pvcpu/control_registers.hpp"
#include "pvcpu/debug_registers.hpp"
#include "pvcpu/msr.hpp"
#include "pvcpu/segments.hpp"
#include "fake_state.hpp"
#include "xen/nmi.h"

namespace rf::pvmmu_tests {
namespace {

namespace cr0 = cpu::cr0;
namespace cr4 = cpu::cr4;

class Registers : public World {
protected:
    Registers()
    {
        start(a);
        cpu::fake_registers = {};
    }
    ~Registers() override
    {
        cpu::fake_state.features = {};
        cpu::fake_registers = {};
        a.vcpu().set_loaded_cpu(max_cpus);
        a.domain->pause();
    }
    domain::Vcpu& vcpu() { return a.vcpu(); }
    std::int64_t call(hypercall::Handler handler, std::uint64_t first, std::uint64_t second = 0)
    {
        return run(a, handler, {first, second});
    }
};

TEST_F(Registers, OnlyTaskSwitchedOfCr0IsTheGuests)
{
    std::uint64_t const shown = pvcpu::visible_cr0(vcpu());
    EXPECT_TRUE(shown & cr0::wp);
    EXPECT_TRUE(shown & cr0::pg);
    EXPECT_FALSE(shown & cr0::ts);
    for (unsigned bit = 0; bit < 64; ++bit)
        if (1ull << bit != cr0::ts) {
            EXPECT_FALSE(pvcpu::write_cr0(vcpu(), shown ^ 1ull << bit)) << bit;
        }
    EXPECT_EQ(pvcpu::visible_cr0(vcpu()), shown);
    EXPECT_TRUE(pvcpu::write_cr0(vcpu(), shown | cr0::ts));
    EXPECT_EQ(pvcpu::visible_cr0(vcpu()), shown | cr0::ts);
    EXPECT_TRUE(cpu::read_cr0() & cr0::ts);
    EXPECT_TRUE(pvcpu::write_cr0(vcpu(), shown));
    EXPECT_FALSE(cpu::read_cr0() & cr0::ts);
    EXPECT_EQ(call(hypercall::fpu_taskswitch, 1), 0);
    EXPECT_TRUE(vcpu().pv.task_switched && (cpu::read_cr0() & cr0::ts));
    EXPECT_EQ(call(hypercall::fpu_taskswitch, 0), 0);
    EXPECT_FALSE(vcpu().pv.task_switched || (cpu::read_cr0() & cr0::ts));
}

TEST_F(Registers, OfCr4AGuestChoosesThreeBits)
{
    for (bool xsave : {false, true}) {
        cpu::fake_state.features.xsave = xsave;
        std::uint64_t const may = cr4::tsd | cr4::de | (xsave ? 0u + cr4::osxsave : 0u);
        for (unsigned bit = 0; bit < 64; ++bit) {
            std::uint64_t const value = 1ull << bit;
            pvcpu::write_cr4(vcpu(), value);
            EXPECT_EQ(vcpu().pv.control_register_4, value & may) << bit;
            EXPECT_EQ(cpu::read_cr4() & ~may, cpu::base_cr4() & ~may) << "what keeps us safe stays, bit " << bit;
            EXPECT_EQ(cpu::read_cr4() & may, value & may) << bit;
            EXPECT_TRUE(pvcpu::visible_cr4(vcpu()) & cr4::pae);
            EXPECT_FALSE(pvcpu::visible_cr4(vcpu()) & cr4::smep) << "guests are not told of it";
        }
    }
}

TEST_F(Registers, OtherNamesOfDebugRegisters)
{
    EXPECT_EQ(call(hypercall::set_debugreg, 5, 1), 0);
    EXPECT_EQ(call(hypercall::get_debugreg, 7), 0x401);
    EXPECT_EQ(call(hypercall::get_debugreg, 5), 0x401);
    EXPECT_EQ(call(hypercall::set_debugreg, 4, 0xffff'ffff), 0);
    EXPECT_EQ(call(hypercall::get_debugreg, 6), 0xffff'efff) << "only what the processor has";
    pvcpu::write_cr4(vcpu(), cr4::de);
    EXPECT_EQ(call(hypercall::set_debugreg, 4, 0), error(Errno::enodev));
    EXPECT_EQ(call(hypercall::get_debugreg, 5), error(Errno::einval));
    for (unsigned number : {8u, 9u, 63u, ~0u}) {
        EXPECT_EQ(call(hypercall::set_debugreg, number, 0), error(Errno::enodev));
        EXPECT_EQ(call(hypercall::get_debugreg, number), error(Errno::einval));
    }
}

TEST_F(Registers, Dr7GivesNoPowerOverTheHypervisor)
{
    constexpr std::uint64_t general_detect = 1u << 13;
    EXPECT_EQ(call(hypercall::set_debugreg, 7, general_detect), error(Errno::eperm));
    for (unsigned bit = 32; bit < 64; ++bit)
        for (unsigned number : {6u, 7u})
            EXPECT_EQ(call(hypercall::set_debugreg, number, 1ull << bit), error(Errno::einval));
    for (unsigned which = 0; which < 4; ++which) {
        std::uint64_t const io = 2ull << (16 + 4 * which);
        EXPECT_EQ(call(hypercall::set_debugreg, 7, io), 0) << "it is not enabled";
        EXPECT_EQ(call(hypercall::set_debugreg, 7, io | 1ull << (2 * which)), error(Errno::eperm));
        EXPECT_EQ(call(hypercall::set_debugreg, 7, io | 2ull << (2 * which)), error(Errno::eperm));
        pvcpu::write_cr4(vcpu(), cr4::de);
        EXPECT_EQ(call(hypercall::set_debugreg, 7, io | 1ull << (2 * which)), 0);
        pvcpu::write_cr4(vcpu(), 0);
    }
}

TEST_F(Registers, BreakpointsReachTheProcessorOnlyWhileTheyAreEnabled)
{
    auto& real = cpu::fake_registers.debug;
    EXPECT_EQ(call(hypercall::set_debugreg, 0, 0x1000), 0);
    EXPECT_EQ(call(hypercall::set_debugreg, 7, 1), 0);
    EXPECT_EQ(real[7], 0u) << "the vCPU is not loaded";
    vcpu().set_loaded_cpu(cpu::current_id());
    EXPECT_EQ(call(hypercall::set_debugreg, 7, 3), 0);
    EXPECT_EQ(real[7], 0x403u);
    EXPECT_EQ(real[0], 0x1000u);
    EXPECT_EQ(call(hypercall::set_debugreg, 3, 0x3000), 0);
    EXPECT_EQ(real[3], 0x3000u);
    pvcpu::disable_debug_registers(vcpu());
    EXPECT_EQ(real[7], 0u) << "another vCPU comes";
    pvcpu::restore_debug_registers(vcpu());
    EXPECT_EQ(real[7], 0x403u);
    EXPECT_EQ(call(hypercall::set_debugreg, 7, 0), 0);
    EXPECT_EQ(real[7], 0u);
    real[7] = 5;
    pvcpu::disable_debug_registers(vcpu());
    pvcpu::restore_debug_registers(vcpu());
    EXPECT_EQ(real[7], 5u) << "nothing is enabled, nothing is touched";
    std::uint64_t const brought[8] = {0x5000, ~0ull << 46, 0xffff'8280'0000'0000, 0, 9, 9, 0, 1u << 13};
    pvcpu::load_debug_registers(vcpu(), brought);
    std::uint64_t const kept[] = {0x5000, 0, 0, 0};
    for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(vcpu().pv.debug[i], i == 1 ? 0xffff'c000'0000'0000 : kept[i]) << i;
    EXPECT_EQ(vcpu().pv.debug[7], 0u) << "what would be refused is dropped";
}

TEST_F(Registers, BasesBelongToTheModeThatTheyAreOf)
{
    using namespace cpu::msr;
    auto& real = cpu::fake_registers.msrs;
    for (bool in_kernel : {true, false}) {
        vcpu().pv.in_kernel = in_kernel;
        EXPECT_EQ(call(hypercall::set_segment_base, xen::SEGBASE_FS, 0x1000), 0);
        EXPECT_EQ(call(hypercall::set_segment_base, xen::SEGBASE_GS_USER, 0x2000), 0);
        EXPECT_EQ(call(hypercall::set_segment_base, xen::SEGBASE_GS_KERNEL, 0x3000), 0);
        EXPECT_EQ(real[cpu::msr::fs_base], 0x1000u);
        EXPECT_EQ(real[cpu::msr::gs_base], in_kernel ? 0x3000u : 0x2000u);
        EXPECT_EQ(real[cpu::msr::kernel_gs_base], in_kernel ? 0x2000u : 0x3000u);
        EXPECT_EQ(pvcpu::get_fs_base(vcpu()), 0x1000u);
        EXPECT_EQ(pvcpu::get_gs_base_user(vcpu()), 0x2000u);
        EXPECT_EQ(pvcpu::get_gs_base_kernel(vcpu()), 0x3000u);
        EXPECT_EQ(call(hypercall::set_segment_base, xen::SEGBASE_GS_USER_SEL, 0x2b), 0);
        EXPECT_EQ(cpu::fake_registers.gs, 0x2b);
        EXPECT_EQ(call(hypercall::set_segment_base, 4, 0), error(Errno::einval));
    }
}

TEST_F(Registers, SegmentsAreSavedAndAFaultIsTold)
{
    auto& real = cpu::fake_registers;
    real.ds = 0x33, real.es = 0x2b, real.fs = 3, real.gs = 7;
    real.msrs[cpu::msr::fs_base] = 0x1000;
    real.msrs[cpu::msr::gs_base] = 0x2000;
    real.msrs[cpu::msr::kernel_gs_base] = 0x3000;
    pvcpu::save_segments(vcpu());
    real = {};
    pvcpu::restore_segments(vcpu());
    EXPECT_TRUE(real.ds == 0x33 && real.es == 0x2b && real.fs == 3 && real.gs == 7);
    EXPECT_EQ(real.msrs[cpu::msr::kernel_gs_base], 0x3000u);
    EXPECT_FALSE(vcpu().pv.failsafe_due);
    real.refuse_segments = true;
    pvcpu::restore_segments(vcpu());
    EXPECT_EQ(real.ds, 0);
    EXPECT_TRUE(vcpu().pv.failsafe_due);
    EXPECT_EQ(real.msrs[cpu::msr::gs_base], 0x2000u) << "bases are restored all the same";
}

TEST_F(Registers, ModelSpecificOnes)
{
    auto& real = cpu::fake_registers.msrs;
    ASSERT_TRUE(pvcpu::write_msr(vcpu(), 0xc0000100, 0x1000));
    ASSERT_TRUE(pvcpu::write_msr(vcpu(), 0xc0000101, 0x2000));
    ASSERT_TRUE(pvcpu::write_msr(vcpu(), 0xc0000102, 0x3000));
    EXPECT_EQ(pvcpu::read_msr(vcpu(), 0xc0000100).value(), 0x1000u);
    EXPECT_EQ(pvcpu::read_msr(vcpu(), 0xc0000101).value(), 0x2000u);
    EXPECT_EQ(pvcpu::read_msr(vcpu(), 0xc0000102).value(), 0x3000u);
    cpu::fake_tsc = 4242;
    EXPECT_EQ(pvcpu::read_msr(vcpu(), 0x10).value(), 4242u);
    cpu::fake_tsc = 0;
    constexpr std::uint32_t unknown = 0x1234;
    EXPECT_FALSE(pvcpu::read_msr(vcpu(), unknown));
    EXPECT_FALSE(pvcpu::write_msr(vcpu(), unknown, 0));
    EXPECT_FALSE(real.contains(unknown));
    real[unknown] = 99;
    EXPECT_EQ(pvcpu::read_msr(vcpu(), unknown).value(), 0u) << "before the kernel can catch a fault";
    vcpu().pv.traps.set(13, {0x1000});
    EXPECT_FALSE(pvcpu::read_msr(vcpu(), unknown));
    EXPECT_EQ(real[unknown], 99u);
}

TEST_F(Registers, HypercallPageGoesOnlyIntoOnesOwnOrdinaryMemory)
{
    constexpr std::uint32_t page_register = 0x40000000;
    std::memset(direct(a[40]), 0, page_size);
    EXPECT_TRUE(pvcpu::write_msr(vcpu(), page_register, a[40].value << page_shift));
    std::uint64_t written = 0;
    for (unsigned i = 0; i < table_entries; ++i)
        written |= slot(a[40], i);
    EXPECT_NE(written, 0u);
    EXPECT_EQ(state(a[40]).references(), 1u);
    for (std::uint64_t value : {(a[40].value << page_shift) + 1, a[3].value << page_shift, b[40].value << page_shift, ~std::uint64_t{0} << 12})
        EXPECT_FALSE(pvcpu::write_msr(vcpu(), page_register, value)) << std::hex << value;
}

TEST_F(Registers, CallbacksComeAndGo)
{
    domain::PvState& pv = vcpu().pv;
    EXPECT_EQ(call(hypercall::stack_switch, 0xe028, 0xffff'ffff'8000'1000), 0);
    EXPECT_EQ(pv.kernel_stack_selector, 0xe02b);
    EXPECT_EQ(pv.kernel_stack, 0xffff'ffff'8000'1000);
    xen::callback_register request{xen::CALLBACKTYPE_syscall, xen::CALLBACKF_mask_events, 0x1000};
    EXPECT_EQ(call(hypercall::callback_op, xen::CALLBACKOP_register, address(&request)), 0);
    EXPECT_TRUE(pv.syscall.masks_events);
    EXPECT_TRUE(pv.quick_bounce) << "all that the short way needs is there";
    for (std::uint16_t type = 0; type < 9; ++type) {
        xen::callback_unregister const gone{type, 0};
        bool const known = type < 8 && type != 6, removable = known && type != xen::CALLBACKTYPE_event && type != xen::CALLBACKTYPE_failsafe;
        EXPECT_EQ(call(hypercall::callback_op, xen::CALLBACKOP_unregister, address(&gone)),
                  removable ? 0 : error(known ? Errno::einval : Errno::enosys))
            << type;
    }
    EXPECT_EQ(pv.syscall.address, 0u);
    EXPECT_FALSE(pv.quick_bounce);
    EXPECT_EQ(call(hypercall::callback_op, 2), error(Errno::enosys));
    for (unsigned command : {0u, 1u})
        EXPECT_EQ(call(hypercall::callback_op, command, 0x1000), error(Errno::efault));
    xen::xennmi_callback const nmi{0x4000, 0};
    EXPECT_EQ(call(hypercall::nmi_op, xen::XENNMI_register_callback, address(&nmi)), 0);
    EXPECT_EQ(pv.nmi.address, 0x4000u);
    EXPECT_EQ(run(a, hypercall::nmi_op, {xen::XENNMI_register_callback, address(&nmi)}, 1), error(Errno::einval)) << "vCPU 0 only";
    EXPECT_EQ(call(hypercall::nmi_op, xen::XENNMI_unregister_callback), 0);
    EXPECT_EQ(pv.nmi.address, 0u);
    EXPECT_EQ(call(hypercall::nmi_op, 2), error(Errno::enosys));
    EXPECT_EQ(call(hypercall::nmi_op, 0, 0x1000), error(Errno::efault));
}

TEST_F(Registers, ATrapTableNeedsItsEnd)
{
    std::vector<xen::trap_info> endless(300, {.vector = 9, .flags = 3, .cs = 0xe030, .address = 0x1000});
    EXPECT_EQ(call(hypercall::set_trap_table, address(endless.data())), error(Errno::einval)) << "no end within 257";
    endless[2].address = 0;
    EXPECT_EQ(call(hypercall::set_trap_table, address(endless.data())), 0);
    EXPECT_EQ(vcpu().pv.traps[9].selector, 0xe033) << "ring 3, whatever it says";
    EXPECT_EQ(call(hypercall::set_trap_table, 0x1000), error(Errno::efault));
    EXPECT_EQ(call(hypercall::set_trap_table, 0), 0) << "no traps at all";
    EXPECT_EQ(vcpu().pv.traps[9].address, 0u);
}

TEST_F(Registers, IretNeverGivesMoreThanRingThree)
{
    auto const iret = [&](xen::iret_context const& frame, bool in_multicall = false) {
        xen::cpu_user_regs regs{};
        regs.rsp = address(&frame);
        hypercall::Call call{vcpu(), *a.domain, regs, in_multicall};
        auto const outcome = hypercall::iret(call);
        EXPECT_EQ(outcome.is_replaced(), !in_multicall);
        return regs;
    };
    xen::iret_context frame{};
    frame.rflags = ~0ull;
    auto regs = iret(frame);
    EXPECT_EQ(regs.cs & 3, 3);
    EXPECT_EQ(regs.ss & 3, 3);
    EXPECT_TRUE(regs.rflags & cpu::rflags::interrupt);
    EXPECT_FALSE(regs.rflags & (cpu::rflags::iopl | cpu::rflags::vm));
    EXPECT_FALSE(vcpu().events.upcall_masked());
    frame.rflags = 0;
    regs = iret(frame);
    EXPECT_TRUE(regs.rflags & cpu::rflags::interrupt) << "the guest's own flag is in its vcpu_info";
    EXPECT_TRUE(vcpu().events.upcall_masked());
    EXPECT_EQ(iret(frame, true).cs, 0) << "not out of a multicall";

    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, a[0].value)), 0);
    vcpu().pv.in_kernel = true;
    frame.cs = 0xe033;
    EXPECT_EQ(iret(frame).cs, 0xe033);
    EXPECT_FALSE(vcpu().pv.in_kernel);
    EXPECT_EQ(a.domain->shutdown_code.load(), domain::no_shutdown_code);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_USER_BASEPTR, 0)), 0);
    vcpu().pv.in_kernel = true;
    (void)iret(frame);
    EXPECT_NE(a.domain->shutdown_code.load(), domain::no_shutdown_code) << "no user page table to return to";
}

} // namespace
} // namespace rf::pvmmu_tests
