// SPDX-License-Identifier: MIT
#include "domain/descriptor_windows.hpp"

#include "base/address_map.hpp"
#include "mm/zero_frame.hpp"
#include "pvmmu/entry.hpp"

namespace rf::domain {
namespace {

using pvmmu::Entry;

constexpr std::uint64_t table_flags = Entry::present | Entry::writable | Entry::accessed | Entry::dirty;
constexpr std::uint64_t page_flags = table_flags | Entry::no_execute;

} // namespace

void DescriptorWindows::release(Mfn& table)
{
    if (table.valid())
        account_.release_frame(table);
    table = invalid_mfn;
}

DescriptorWindows::~DescriptorWindows()
{
    for (Mfn& table : level_1_)
        release(table);
    release(level_2_);
    release(level_3_);
}

Status DescriptorWindows::create(unsigned vcpus)
{
    level_3_ = TRY(account_.allocate_frame());
    level_2_ = TRY(account_.allocate_frame());
    direct_as<std::uint64_t>(level_3_)[0] = Entry::of(level_2_, table_flags).bits();
    for (unsigned i = 0; i * vcpus_per_table < vcpus; ++i) {
        level_1_[i] = TRY(account_.allocate_frame());
        direct_as<std::uint64_t>(level_2_)[i] = Entry::of(level_1_[i], table_flags).bits();
    }
    for (VcpuId vcpu = 0; vcpu < vcpus; ++vcpu)
        for (unsigned page = 0; page < window_pages; ++page)
            map(vcpu, page, invalid_mfn);
    return {};
}

void DescriptorWindows::map(VcpuId vcpu, unsigned page, Mfn frame)
{
    std::uint64_t* table = direct_as<std::uint64_t>(level_1_[vcpu / vcpus_per_table]);
    Entry const entry = frame.valid() ? Entry::of(frame, page_flags)
                                      : Entry::of(mm::zero_frame(), Entry::present | Entry::accessed | Entry::no_execute);
    shared(table[vcpu % vcpus_per_table * window_pages + page]).store(entry.bits(), relaxed);
}

std::uint64_t DescriptorWindows::gdt_address(VcpuId vcpu) { return address_map::domain_area + vcpu * window_size; }

std::uint64_t DescriptorWindows::ldt_address(VcpuId vcpu) { return gdt_address(vcpu) + gdt_pages * page_size; }

} // namespace rf::domain
