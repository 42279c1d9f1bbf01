// SPDX-License-Identifier: MIT
#include "dom0/first_domain.hpp"

#include "base/log.hpp"
#include "boot/memory.hpp"
#include "cpu/features.hpp"
#include "cpu/registers.hpp"
#include "dev/command_line.hpp"
#include "dev/console.hpp"
#include "dev/control_rights.hpp"
#include "dom0/builder.hpp"
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "pvcpu/roots.hpp"
#include "pvmmu/update.hpp"
#include "sched/scheduler.hpp"
#include "xen/console.h"

#include <algorithm>

namespace rf::dom0 {
namespace {

/// A failure that needs no more words than these.
[[nodiscard]] std::unexpected<Errno> give_up(std::string_view what, Errno error)
{
    log::error("Dom0: ", what, " (error ", error, ")");
    return fail(error);
}

/// The screen as Linux's PV console code expects it described.
[[nodiscard]] xen::dom0_vga_console_info describe_screen(boot::Framebuffer const& framebuffer)
{
    xen::dom0_vga_console_info screen{};
    if (dev::console::ScreenState const text = dev::console::screen(); text.text_mode) {
        screen.video_type = xen::XEN_VGATYPE_TEXT_MODE_3;
        screen.u.text_mode_3 = {16, text.column, text.row, 25, 80};
        return screen;
    }
    if (framebuffer.kind != boot::DisplayKind::rgb)
        return screen;
    screen.video_type = xen::XEN_VGATYPE_EFI_LFB;
    auto& lfb = screen.u.vesa_lfb;
    lfb.width = static_cast<std::uint16_t>(framebuffer.width);
    lfb.height = static_cast<std::uint16_t>(framebuffer.height);
    lfb.bytes_per_line = static_cast<std::uint16_t>(framebuffer.pitch);
    lfb.bits_per_pixel = framebuffer.bits_per_pixel;
    lfb.lfb_base = static_cast<std::uint32_t>(framebuffer.address.value);
    lfb.ext_lfb_base = static_cast<std::uint32_t>(framebuffer.address.value >> 32);
    constexpr std::uint64_t unit = 64 << 10;
    lfb.lfb_size = static_cast<std::uint32_t>((std::uint64_t{framebuffer.pitch} * framebuffer.height + unit - 1) / unit);
    lfb.red_pos = framebuffer.red_position;
    lfb.red_size = framebuffer.red_bits;
    lfb.green_pos = framebuffer.green_position;
    lfb.green_size = framebuffer.green_bits;
    lfb.blue_pos = framebuffer.blue_position;
    lfb.blue_size = framebuffer.blue_bits;
    return screen;
}

[[nodiscard]] Result<domain::Domain*> create_domain(unsigned processors)
{
    domain::Configuration configuration;
    configuration.role = domain::Role::control;
    unsigned const wanted = dev::options.dom0_max_vcpus ? dev::options.dom0_max_vcpus : processors;
    configuration.max_vcpus = std::min(wanted, max_vcpus_per_domain);
    auto created = domain::Domain::create(domain_zero, configuration);
    if (!created)
        return give_up("no memory for its own structures", created.error());
    domain::Domain* const control = created->get();
    if (Status entered = domain::enter(std::move(*created)); !entered)
        return give_up("no memory for the table of domains", entered.error());
    for (VcpuId id = 0; id < configuration.max_vcpus; ++id)
        if (Status made = control->create_vcpu(id); !made)
            return give_up("no memory for its virtual processors", made.error());
    LockGuard guard(control->control_lock);
    auto const rights = control->own_rights();
    if (!rights)
        return give_up("no memory for its rights", rights.error());
    if (Status filled = dev::fill_control_rights(**rights, cpu::host().physical_address_bits); !filled)
        return give_up("the hypervisor's own devices leave rights in too many pieces", filled.error());
    return control;
}

/// Validates the whole tree of tables and pins its root, as the guest expects to find it.
[[nodiscard]] Status pin_root(pvmmu::Space& space, Mfn root)
{
    LockGuard guard(space.lock);
    while (true) {
        Budget budget{entries_per_segment};
        auto const step = pvmmu::pin(space, root, 4, budget);
        if (!step)
            return fail(step.error());
        if (*step == Progress::done)
            break;
    }
    // A second use of the root: the one that the processor's register stands for.
    Budget budget{entries_per_segment};
    TRY(pvmmu::take_table(space, root, 4, budget)); // validated: done at once
    return {};
}

/// The state in which a PV kernel begins: flat selectors, events masked, no handlers.
void prepare_processor(domain::Vcpu& vcpu, BuiltImage const& image)
{
    vcpu.saved = {};
    vcpu.saved.rip = image.entry;
    vcpu.saved.rsp = image.stack_top;
    vcpu.saved.rsi = image.start_info;
    vcpu.saved.cs = xen::FLAT_KERNEL_CS;
    vcpu.saved.ss = xen::FLAT_KERNEL_SS;
    vcpu.saved.rflags = cpu::rflags::interrupt | cpu::rflags::fixed;
    vcpu.pv.in_kernel = true;
    vcpu.pv.kernel_root = image.root;
    pvcpu::show_roots(vcpu);
    vcpu.pv.kernel_stack = image.stack_top;
    vcpu.pv.kernel_stack_selector = xen::FLAT_KERNEL_SS;
    vcpu.initialised.store(true, release);
}

[[nodiscard]] Result<Request> make_request(boot::BootInfo const& info, xen::dom0_vga_console_info const& screen)
{
    auto const modules = info.modules();
    if (modules.empty())
        return give_up("no kernel was given: name it with module2 in the boot loader's entry", Errno::enoent);
    Request request;
    request.kernel = {modules[0].start, modules[0].size};
    request.command_line = modules[0].command_line;
    if (modules.size() > 1)
        request.initrd = {modules[1].start, modules[1].size};
    request.memory = dev::options.dom0_memory;
    request.memory_minimum = dev::options.dom0_memory_minimum;
    request.memory_maximum = dev::options.dom0_memory_maximum;
    request.screen = &screen;
    return request;
}

} // namespace

Status start_first_domain(boot::BootInfo const& info, unsigned processors)
{
    xen::dom0_vga_console_info const screen = describe_screen(info.framebuffer);
    Request const request = TRY(make_request(info, screen));
    domain::Domain& control = *TRY(create_domain(processors));
    BuiltImage const image = TRY(build_image(control.memory, control.shared_info_frame(), request));
    boot::release_boot_memory(request.kernel.start, request.kernel.bytes);
    if (Status pinned = pin_root(control.space, image.root); !pinned)
        return give_up("its first page tables are refused", pinned.error());
    domain::Vcpu& first = *control.vcpu(0);
    prepare_processor(first, image);
    dev::console::leave_screen();
    sched::scheduler.bring_up(first);
    return {};
}

} // namespace rf::dom0
