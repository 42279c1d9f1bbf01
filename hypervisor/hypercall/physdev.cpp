// SPDX-License-Identifier: MIT
/// physdev_op (public header physdev.h): interrupts, I/O privilege and PCI devices. Arguments: operation, address of its
/// structure. Ordinary domains may set their own I/O privilege and end interrupts; the rest is the control domain's.
#include "cpu/current.hpp"
#include "dev/interrupts.hpp"
#include "dev/pci.hpp"
#include "domain/table.hpp"
#include "domain/vcpu.hpp"
#include "hypercall/argument.hpp"
#include "hypercall/handlers.hpp"
#include "pvcpu/mode.hpp"
#include "xen/physdev.h"

namespace rf::hypercall {
namespace {

Outcome set_iopl(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_set_iopl>(call));
    if (argument.iopl > 3)
        return fail(Errno::einval);
    call.vcpu.pv.io_privilege = argument.iopl;
    pvcpu::choose_bounce(call.vcpu);
    return Outcome::ok();
}

Outcome set_io_bitmap(Call& call)
{
    constexpr std::uint32_t all_ports = 65536;
    auto const argument = TRY(fetch_argument<xen::physdev_set_iobitmap>(call));
    if (argument.nr_ports > all_ports)
        return fail(Errno::einval);
    std::uint64_t const address = argument.bitmap.address;
    if (address && !address_map::guest_range_ok(address, (argument.nr_ports + 7) / 8))
        return fail(Errno::efault);
    call.vcpu.pv.io_bitmap = address;
    call.vcpu.pv.io_bitmap_ports = address ? argument.nr_ports : 0;
    return Outcome::ok();
}

Outcome end_of_interrupt(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_eoi>(call));
    return Outcome::of(call.domain.pirqs.end(argument.irq));
}

Outcome query_status(Call& call)
{
    auto argument = TRY(fetch_argument<xen::physdev_irq_status_query>(call));
    auto const handling = TRY(call.domain.pirqs.handling(argument.irq));
    argument.flags = (handling.needs_end ? xen::XENIRQSTAT_needs_eoi : 0u) | (handling.shared ? xen::XENIRQSTAT_shared : 0u);
    return Outcome::of(guest::copy_out(call[1], argument));
}

Outcome read_io_apic(Call& call)
{
    auto argument = TRY(fetch_argument<xen::physdev_apic>(call));
    argument.value = TRY(dev::interrupts.read_io_apic(argument.apic_physbase, argument.reg));
    return Outcome::of(guest::copy_out(call[1], argument));
}

/// Vectors are ours; the number that the old interface hands out means nothing.
Outcome allocate_vector(Call& call)
{
    auto argument = TRY(fetch_argument<xen::physdev_irq>(call));
    TRY(dev::interrupts.gsi(argument.irq));
    argument.vector = argument.irq;
    return Outcome::of(guest::copy_out(call[1], argument));
}

Outcome set_up_gsi(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_setup_gsi>(call));
    if (argument.gsi < 0)
        return fail(Errno::einval);
    auto const id = TRY(dev::interrupts.gsi(static_cast<dev::Gsi>(argument.gsi)));
    return Outcome::of(dev::interrupts.configure(id, argument.triggering ? dev::Trigger::level : dev::Trigger::edge,
                                                 argument.polarity ? dev::Polarity::low : dev::Polarity::high));
}

Result<unsigned> map_gsi(domain::Domain& target, xen::physdev_map_pirq const& argument)
{
    if (argument.index < 0 || (argument.pirq >= 0 && argument.pirq != argument.index))
        return fail(Errno::einval);
    auto const gsi = static_cast<dev::Gsi>(argument.index);
    if (!target.rights().interrupts.contains(gsi, gsi))
        return fail(Errno::eperm);
    Status const mapped = target.pirqs.map_gsi(gsi);
    if (!mapped && mapped.error() != Errno::eexist) // mapping a line twice changes nothing
        return fail(mapped.error());
    return gsi;
}

Result<unsigned> map_message(domain::Domain& target, xen::physdev_map_pirq const& argument)
{
    auto const bus = static_cast<std::uint32_t>(argument.bus);
    bool const has_segment = argument.type != xen::MAP_PIRQ_TYPE_MSI;
    if (argument.devfn < 0 || argument.devfn > 0xff || (bus & 0xffff) > 0xff)
        return fail(Errno::einval);
    dev::pci::Address const function{.segment = static_cast<std::uint16_t>(has_segment ? bus >> 16 : 0),
                                     .bus = static_cast<std::uint8_t>(bus),
                                     .devfn = static_cast<std::uint8_t>(argument.devfn)};
    dev::pci::Configuration& configuration = dev::pci::machine();
    bool const is_msix = argument.table_base != 0;
    if (argument.entry_nr < 0 || argument.entry_nr > 0xffff)
        return fail(Errno::einval);
    // Several vectors of one MSI capability would have to be neighbours: Linux goes on with one when we refuse.
    if (argument.type == xen::MAP_PIRQ_TYPE_MULTI_MSI && (is_msix || argument.entry_nr > 1))
        return fail(Errno::einval);
    auto const place = is_msix ? dev::locate_msix(configuration, dev::machine_table_memory(), function,
                                                  static_cast<std::uint16_t>(argument.entry_nr), argument.table_base)
                               : dev::locate_msi(configuration, function);
    return target.pirqs.map_message(TRY(place), argument.pirq, cpu::current_id());
}

Outcome map_pirq(Call& call)
{
    auto argument = TRY(fetch_argument<xen::physdev_map_pirq>(call));
    auto const target = TRY(domain::find_target(call.domain, DomainId{argument.domid}));
    unsigned pirq;
    switch (argument.type) {
    case xen::MAP_PIRQ_TYPE_GSI: pirq = TRY(map_gsi(*target, argument)); break;
    case xen::MAP_PIRQ_TYPE_MSI:
    case xen::MAP_PIRQ_TYPE_MSI_SEG:
    case xen::MAP_PIRQ_TYPE_MULTI_MSI: pirq = TRY(map_message(*target, argument)); break;
    default: return fail(Errno::einval);
    }
    argument.pirq = static_cast<std::int32_t>(pirq);
    Status const written = guest::copy_out(call[1], argument);
    if (!written && argument.type != xen::MAP_PIRQ_TYPE_GSI)
        (void)target->pirqs.unmap(pirq); // fails only if another vCPU guessed the number and used it
    return Outcome::of(written);
}

Outcome unmap_pirq(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_unmap_pirq>(call));
    auto const target = TRY(domain::find_target(call.domain, DomainId{argument.domid}));
    if (argument.pirq < 0)
        return fail(Errno::einval);
    return Outcome::of(target->pirqs.unmap(static_cast<unsigned>(argument.pirq)));
}

/// Announcements of devices: every function is the control domain's anyway, so only their form is checked.
template <class Argument>
Outcome accept(Call& call)
{
    TRY(fetch_argument<Argument>(call));
    return Outcome::ok();
}

Outcome restore_msi(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_restore_msi>(call));
    dev::interrupts.restore_messages({.segment = 0, .bus = argument.bus, .devfn = argument.devfn});
    return Outcome::ok();
}

Outcome restore_msi_with_segment(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_pci_device>(call));
    dev::interrupts.restore_messages({.segment = argument.seg, .bus = argument.bus, .devfn = argument.devfn});
    return Outcome::ok();
}

/// Before and after another domain drives the device: we keep no state for that, but the capability must exist.
Outcome check_msix(Call& call)
{
    auto const argument = TRY(fetch_argument<xen::physdev_pci_device>(call));
    TRY(dev::msix_table_frames(dev::pci::machine(), {.segment = argument.seg, .bus = argument.bus, .devfn = argument.devfn}));
    return Outcome::ok();
}

Outcome privileged(Call& call)
{
    switch (call.narrow(0)) {
    case xen::PHYSDEVOP_irq_status_query: return query_status(call);
    case xen::PHYSDEVOP_apic_read: return read_io_apic(call);
    case xen::PHYSDEVOP_alloc_irq_vector: return allocate_vector(call);
    case xen::PHYSDEVOP_free_irq_vector: return accept<xen::physdev_irq>(call);
    case xen::PHYSDEVOP_map_pirq: return map_pirq(call);
    case xen::PHYSDEVOP_unmap_pirq: return unmap_pirq(call);
    case xen::PHYSDEVOP_setup_gsi: return set_up_gsi(call);
    case xen::PHYSDEVOP_manage_pci_add:
    case xen::PHYSDEVOP_manage_pci_remove: return accept<xen::physdev_manage_pci>(call);
    case xen::PHYSDEVOP_manage_pci_add_ext: return accept<xen::physdev_manage_pci_ext>(call);
    case xen::PHYSDEVOP_pci_device_add: return accept<xen::physdev_pci_device_add>(call);
    case xen::PHYSDEVOP_pci_device_remove: return accept<xen::physdev_pci_device>(call);
    case xen::PHYSDEVOP_pci_mmcfg_reserved: return accept<xen::physdev_pci_mmcfg_reserved>(call);
    case xen::PHYSDEVOP_dbgp_op: return accept<xen::physdev_dbgp_op>(call);
    case xen::PHYSDEVOP_restore_msi: return restore_msi(call);
    case xen::PHYSDEVOP_restore_msi_ext: return restore_msi_with_segment(call);
    case xen::PHYSDEVOP_prepare_msix:
    case xen::PHYSDEVOP_release_msix: return check_msix(call);
    default: return fail(Errno::enosys);
    }
}

} // namespace

Outcome physdev_op(Call& call)
{
    switch (call.narrow(0)) {
    case xen::PHYSDEVOP_set_iopl: return set_iopl(call);
    case xen::PHYSDEVOP_set_iobitmap: return set_io_bitmap(call);
    case xen::PHYSDEVOP_eoi: return end_of_interrupt(call);
    case xen::PHYSDEVOP_IRQ_UNMASK_NOTIFY: return Outcome::ok();
    default: break;
    }
    if (!call.domain.is_control())
        return fail(Errno::eperm);
    return privileged(call);
}

} // namespace rf::hypercall
