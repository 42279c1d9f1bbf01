// SPDX-License-Identifier: MIT
#include "boot/boot.hpp"

#include "base/log.hpp"
#include "base/panic.hpp"
#include "base/panic_hooks.hpp"
#include "boot/cpu_block.hpp"
#include "boot/early_memory.hpp"
#include "boot/image.hpp"
#include "boot/memory.hpp"
#include "boot/multiboot1.hpp"
#include "boot/multiboot2.hpp"
#include "boot/rsdp.hpp"
#include "boot/smp.hpp"
#include "cpu/control.hpp"
#include "cpu/descriptor_tables.hpp"
#include "cpu/exception.hpp"
#include "cpu/features.hpp"
#include "cpu/guards.hpp"
#include "cpu/ipi.hpp"
#include "cpu/local_apic.hpp"
#include "cpu/syscall.hpp"
#include "cpu/tlb.hpp"
#include "mm/allocator.hpp"
#include "mm/hypervisor_space.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
/// In start.S: continues in hypervisor_main(info) on another stack.
[[noreturn]] void boot_continue(std::uint64_t stack, rf::boot::BootInfo const* info);
void boot_main(std::uint32_t magic, std::uint32_t information, std::uint32_t displacement);
}

namespace rf::boot {
namespace {

using log::Hex;

/// Largest information that we copy: a few KiB are usual, EFI maps make it more.
constexpr std::uint32_t information_limit = 1 << 20;

constinit BootInfo info;
constinit EarlyMemory early_memory;
constinit std::uint64_t start_page = 0;
/// Multiboot 1 information rewritten as tags.
constinit std::array<std::byte, 16384> converted{};

/// The first 4 GiB as the early page tables map them.
[[nodiscard]] std::span<std::byte const> physical_memory() { return {direct(Mfn{0}), early_limit}; }

/// The loader's information as multiboot 2 tags, where it lies now.
[[nodiscard]] std::span<std::byte const> loader_information(std::uint32_t magic, std::uint32_t address)
{
    if (magic == multiboot1_magic) {
        auto const size = convert_multiboot1(physical_memory(), address, converted);
        require(size.has_value(), "the boot loader's multiboot 1 information is malformed");
        return std::span(converted).first(*size);
    }
    require(magic == multiboot2_magic, "not started by a multiboot loader");
    std::uint32_t size;
    std::memcpy(&size, physical_memory().data() + address, sizeof size);
    require(size <= information_limit, "the boot loader's information is too long");
    return physical_memory().subspan(address, size);
}

/// Finds the root pointer itself; without success the loader's copy, if any, stays, with address unknown.
void locate_rsdp()
{
    Rsdp found = find_efi_rsdp(physical_memory(), info.efi.system_table);
    if (found.size == 0)
        found = find_bios_rsdp(physical_memory().first(1 << 20));
    if (found.size >= info.rsdp.size)
        info.rsdp = found;
}

/// Reads the information, moves it to memory of ours, and reads the copy.
void read_information(std::uint32_t magic, std::uint32_t address)
{
    auto const original = loader_information(magic, address);
    require(parse_multiboot2(original, info).has_value(), "the boot loader's information is malformed or has no memory map");
    collect_free_memory(info, early_memory);
    std::uint64_t const start = reinterpret_cast<std::uint64_t>(original.data()) - address_map::direct_map;
    if (magic == multiboot2_magic)
        early_memory.reserve(start, start + original.size());
    auto const place = early_memory.take(original.size(), page_size, early_limit);
    require(place.has_value(), "no memory for the boot loader's information");
    auto* const copy = direct(place->frame());
    std::memcpy(copy, original.data(), original.size());
    info = BootInfo{};
    require(parse_multiboot2({copy, original.size()}, info).has_value(), "the copied information is malformed");
    locate_rsdp();
}

[[nodiscard]] bool in_a_module(std::uint64_t page)
{
    return std::ranges::any_of(info.modules(), [&](Module const& module) {
        return page + page_size > module.start.value && page < module.start.value + module.size;
    });
}

/// The highest page of RAM that a start-up interrupt can name. UEFI loaders put small modules there too.
void choose_start_page()
{
    for (std::uint64_t page = 0x9f000; page >= 0x1000 && start_page == 0; page -= page_size)
        if (info.memory.is_ram(page, page_size) && !in_a_module(page))
            start_page = page;
}

void report()
{
    static constexpr char const* type_names[]{"?", "RAM", "reserved", "ACPI tables", "ACPI NVS", "unusable"};
    log::info("boot: loaded by ", info.loader_name, ", command line: ", info.command_line);
    for (MemoryRegion const& region : info.memory.regions())
        log::info("memory: ", Hex{region.start}, "..", Hex{region.end() - 1}, " ",
                  type_names[static_cast<unsigned>(region.type)]);
    if (info.memory.lost())
        log::warning("memory: ", info.memory.lost(), " entries of the firmware's map do not fit and are ignored");
    for (Module const& module : info.modules())
        log::info("module: ", Hex{module.start.value}, ", ", module.size, " bytes: ", module.command_line);
    if (info.modules_lost)
        log::warning("module: ", info.modules_lost, " more modules than we can use are ignored");
    cpu::Features const& f = cpu::host();
    log::info("cpu: ", f.brand.data(), " (", f.vendor_text.data(), " family ", f.family, " model ", f.model, " stepping ",
              f.stepping, ")");
}

} // namespace

BootInfo const& boot_info() { return info; }
std::uint64_t trampoline_page() { return start_page; }

} // namespace rf::boot

void boot_main(std::uint32_t magic, std::uint32_t information, std::uint32_t displacement)
{
    using namespace rf;
    cpu::load_boot_descriptors();
    cpu::collect_features();
    cpu::set_control_registers();
    panic_hooks.dump = cpu::dump_here;
    panic_hooks.stop_others = cpu::stop_others;
    boot::set_image_displacement(static_cast<std::int32_t>(displacement));
    boot::read_information(magic, information);
    boot::choose_start_page();
    early_console(boot::info);
    boot::report();

    boot::build_memory(boot::info, boot::early_memory);
    boot::MemoryFigures const figures = boot::memory_figures();
    log::info("memory: ", figures.ram_bytes >> 20, " MiB RAM, ", figures.own_bytes >> 10, " KiB of it in use by us and modules");
    require(boot::build_cpu_block(0).has_value(), "no memory for the first CPU");
    cpu::load_descriptors(0);
    cpu::use_exception_stacks();
    cpu::set_syscall_registers(0);
    cpu::arm_guards(0);
    boot::start_local_apic();
    cpu::set_online(0);
    boot_continue(boot::initial_stack(0), &boot::info);
}
