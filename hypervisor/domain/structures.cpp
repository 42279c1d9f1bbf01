// SPDX-License-Identifier: MIT
#include "domain/structures.hpp"

#include "domain/domain.hpp"
#include "domain/vcpu.hpp"

namespace rf::domain {
namespace {

/// Separated or not: guards may differ between domains, a limit need not.
constexpr unsigned views_of_a_vcpu = 2;
/// While a new memory map or policy takes the old one's place there are both.
constexpr unsigned old_and_new = 2;

[[nodiscard]] std::uint64_t bytes_of_a_vcpu()
{
    return mm::heap_footprint(sizeof(Vcpu)) + mm::heap_footprint(cpu::ExtendedState::room()) + views_of_a_vcpu * page_size;
}

} // namespace

std::uint64_t own_bytes() { return mm::heap_footprint(sizeof(Domain)); }

std::uint64_t most_bytes(Configuration const& configuration)
{
    std::uint64_t const settings = mm::heap_footprint(sizeof(Rights)) + old_and_new * mm::heap_footprint(sizeof(pvcpu::CpuidPolicy)) +
                                   old_and_new * mm::heap_footprint(Domain::most_map_entries * sizeof(xen::e820entry));
    bool const control = configuration.role == Role::control;
    std::uint64_t const interrupts = control ? mm::heap_footprint(dev::PirqTable::limit * sizeof(Port)) : 0;
    constexpr std::uint64_t shared_info = page_size;
    return own_bytes() + shared_info + mm::FrameTrade::most_bytes() + settings + interrupts + DescriptorWindows::bytes_for(configuration.max_vcpus) +
           configuration.max_vcpus * bytes_of_a_vcpu() + event::EventTable::most_bytes(configuration.max_event_port) +
           grant::GrantTable::most_bytes(configuration.max_grant_frames, configuration.max_maptrack_frames);
}

} // namespace rf::domain
