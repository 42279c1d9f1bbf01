// SPDX-License-Identifier: MIT
#include "builder/start_info.hpp"

#include <algorithm>
#include <cstring>

namespace rf::builder {
namespace {

// Fixed by the ABI: the guest kernel's flat segments.
constexpr std::uint16_t kernel_code = 0xe033;
constexpr std::uint16_t kernel_stack = 0xe02b;
constexpr std::uint64_t interrupts_enabled = 1u << 9;
// Reset values of the debug registers.
constexpr std::uint64_t debug_status_reset = 0xffff0ff0;
constexpr std::uint64_t debug_control_reset = 0x400;

}  // namespace

::xen::start_info make_start_info(const GuestPlan& plan, const StartFacts& facts)
{
    const dom0::Plan& places = plan.places;
    ::xen::start_info info{};
    constexpr std::string_view magic = "xen-3.0-x86_64";
    std::ranges::copy(magic, info.magic);
    info.nr_pages = places.pages;
    info.shared_info = facts.shared_info_frame << page_shift;
    info.flags = ::xen::SIF_VIRT_P2M_4TOOLS;
    info.store_mfn = facts.store_frame;
    info.store_evtchn = facts.store_port.value;
    info.console.domU.mfn = facts.console_frame;
    info.console.domU.evtchn = facts.console_port.value;
    info.pt_base = places.address_of(places.tables.first);
    info.nr_pt_frames = places.tables.count;
    info.mfn_list = places.p2m_address;
    if (facts.initrd_bytes) {
        info.mod_len = facts.initrd_bytes;
        if (places.initrd_in_window) {
            info.mod_start = places.address_of(places.initrd.first);
        } else {
            info.mod_start = places.initrd.first.value;
            info.flags |= ::xen::SIF_MOD_START_PFN;
        }
    }
    if (!places.p2m_in_window) {
        info.first_p2m_pfn = places.p2m.first.value;
        info.nr_p2m_frames = places.p2m.count + places.p2m_tables.count;
    }
    const std::size_t length = std::min(facts.command_line.size(), sizeof info.cmd_line - 1);
    std::copy_n(facts.command_line.data(), length, info.cmd_line);
    return info;
}

::xen::vcpu_guest_context make_first_context(const GuestPlan& plan, const dom0::KernelNotes& notes, std::uint64_t root_frame)
{
    const dom0::Plan& places = plan.places;
    ::xen::vcpu_guest_context context{};
    context.flags = ::xen::VGCF_in_kernel | ::xen::VGCF_online;
    context.user_regs.rip = notes.entry;
    context.user_regs.rsp = places.stack_top();
    context.user_regs.rsi = places.address_of(places.start_info.first);
    context.user_regs.rflags = interrupts_enabled;
    context.user_regs.cs = kernel_code;
    context.user_regs.ss = kernel_stack;
    context.kernel_ss = kernel_stack;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = ::xen::xen_pfn_to_cr3(root_frame);
    context.debugreg[6] = debug_status_reset;
    context.debugreg[7] = debug_control_reset;
    return context;
}

void initialise(::xen::shared_info& info)
{
    info = {};
    for (auto& vcpu : info.vcpu_info)
        vcpu.evtchn_upcall_mask = 1;
}

}  // namespace rf::builder
