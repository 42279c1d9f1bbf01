// SPDX-License-Identifier: MIT
#include "pvcpu/msr_rules.hpp"

#include "cpu/registers.hpp"

namespace rf::pvcpu {

namespace {

// Numbers of the SDM, vol. 4, and of AMD's BIOS and Kernel Developer's Guides.
constexpr std::uint32_t platform_id = 0x17;
constexpr std::uint32_t apic_base = 0x1b;
constexpr std::uint32_t feature_control = 0x3a;
constexpr std::uint32_t microcode_revision = 0x8b;
constexpr std::uint32_t platform_info = 0xce;
constexpr std::uint32_t machine_check_capabilities = 0x179;
constexpr std::uint32_t machine_check_status = 0x17a;
constexpr std::uint32_t performance_status = 0x198;
constexpr std::uint32_t performance_control = 0x199;
constexpr std::uint32_t thermal_status = 0x19c;
constexpr std::uint32_t misc_enable = 0x1a0;
constexpr std::uint32_t temperature_target = 0x1a2;
constexpr std::uint32_t page_attributes = 0x277;
constexpr std::uint32_t extended_features = 0xc0000080;
constexpr std::uint32_t time_auxiliary = 0xc0000103;
constexpr std::uint32_t system_configuration = 0xc0010010;
constexpr std::uint32_t hardware_configuration = 0xc0010015;
constexpr std::uint32_t top_of_memory = 0xc001001a;
constexpr std::uint32_t top_of_memory_2 = 0xc001001d;
constexpr std::uint32_t northbridge_configuration = 0xc001001f;

constexpr std::uint64_t apic_enabled = 0xfee00800;
constexpr std::uint64_t apic_boot_processor = 1u << 8;
constexpr std::uint64_t feature_control_locked = 1;
constexpr std::uint64_t efer_svme = 1u << 12;
/// Performance monitoring available; MONITOR enabled.
constexpr std::uint64_t misc_hidden = 1ull << 7 | 1ull << 18;
/// Branch trace and precise event sampling unavailable.
constexpr std::uint64_t misc_forced = 1ull << 11 | 1ull << 12;
constexpr std::uint64_t misc_execute_disable_off = 1ull << 34;
constexpr std::uint64_t decode_lfence_serialises = 1u << 1;

constexpr MsrRead constant(std::uint64_t value) { return {0, value}; }
constexpr MsrRead hardware{~0ull, 0};

[[nodiscard]] Result<MsrRead> read_intel(std::uint32_t index)
{
    switch (index) {
    case platform_id:
    case microcode_revision:
        return hardware;
    case feature_control:
        return constant(feature_control_locked);
    case misc_enable:
        return MsrRead{~(misc_hidden | misc_execute_disable_off), misc_forced};
    case platform_info:
    case performance_status:
    case performance_control:
    case thermal_status:
    case temperature_target:
        return constant(0);
    default:
        return fail(Errno::eperm);
    }
}

[[nodiscard]] Result<MsrRead> read_amd(MsrViewer const& viewer, std::uint32_t index)
{
    switch (index) {
    case microcode_revision:
        return hardware;
    case system_configuration:
    case top_of_memory:
    case top_of_memory_2:
    case northbridge_configuration:
        return viewer.controls_machine ? hardware : constant(0);
    case hardware_configuration:
        return constant(0);
    case decode_configuration:
        return constant(viewer.lfence_serialises ? decode_lfence_serialises : 0);
    default:
        return fail(Errno::eperm);
    }
}

} // namespace

Result<MsrRead> msr_read_rule(MsrViewer const& viewer, std::uint32_t index)
{
    switch (index) {
    case apic_base:
        return constant(apic_enabled | (viewer.first_vcpu ? apic_boot_processor : 0));
    case extended_features:
        return MsrRead{~efer_svme, 0};
    case page_attributes:
        return constant(cpu::pat_value);
    case time_auxiliary: // RDTSCP is not offered; user programs that use it all the same read zero
    case machine_check_capabilities: // no banks
    case machine_check_status:
        return constant(0);
    default:
        break;
    }
    switch (viewer.vendor) {
    case ProcessorVendor::intel:
        return read_intel(index);
    case ProcessorVendor::amd:
        return read_amd(viewer, index);
    case ProcessorVendor::other:
        break;
    }
    return fail(Errno::eperm);
}

Result<MsrWrite> msr_write_rule(MsrViewer const& viewer, std::uint32_t index)
{
    switch (index) {
    case extended_features:
        return MsrWrite::only_same;
    case microcode_revision: // part of the way to read the revision
        return MsrWrite::only_zero;
    case misc_enable:
        if (viewer.vendor == ProcessorVendor::intel)
            return MsrWrite::ignored;
        break;
    case decode_configuration: // some kernels do not expect a fault here
        if (viewer.vendor == ProcessorVendor::amd)
            return MsrWrite::ignored;
        break;
    default:
        break;
    }
    return fail(Errno::eperm);
}

} // namespace rf::pvcpu
