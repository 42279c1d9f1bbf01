// SPDX-License-Identifier: MIT
#pragma once
/// The per-domain area (top-level slot 260): for each vCPU 16 pages of GDT and 16 pages of LDT, mapped for the hypervisor
/// and the processor only. Page 14 of the GDT is the loading CPU's own descriptor page, page 15 and unused pages are zero.

#include "base/result.hpp"
#include "base/types.hpp"
#include "mm/account.hpp"

#include <array>

namespace rf::domain {

inline constexpr unsigned window_pages = 32;
inline constexpr unsigned gdt_pages = 16;
inline constexpr unsigned cpu_descriptor_page = 14;
inline constexpr std::uint64_t window_size = window_pages * page_size;

class DescriptorWindows {
public:
    /// Tables are charged to `account`, which outlives them.
    explicit DescriptorWindows(mm::Account& account) : account_(account) {}
    ~DescriptorWindows();
    DescriptorWindows(DescriptorWindows const&) = delete;
    DescriptorWindows& operator=(DescriptorWindows const&) = delete;

    /// Makes the upper tables and the windows of `vcpus` vCPUs, all pages zero. Errno::enomem.
    [[nodiscard]] Status create(unsigned vcpus);
    /// Bytes that the tables of `vcpus` vCPUs take.
    [[nodiscard]] static constexpr std::uint64_t bytes_for(unsigned vcpus)
    {
        return (2 + (vcpus + vcpus_per_table - 1) / vcpus_per_table) * page_size;
    }
    /// The level-3 table for slot 260.
    [[nodiscard]] Mfn root() const { return level_3_; }
    /// Maps `frame` as page `page` of a vCPU's window; invalid_mfn maps zeros. The caller flushes if the vCPU is loaded.
    void map(VcpuId vcpu, unsigned page, Mfn frame);

    [[nodiscard]] static std::uint64_t gdt_address(VcpuId vcpu);
    [[nodiscard]] static std::uint64_t ldt_address(VcpuId vcpu);

private:
    static constexpr unsigned vcpus_per_table = table_entries / window_pages;
    void release(Mfn& table);

    mm::Account& account_;
    Mfn level_3_;
    Mfn level_2_;
    std::array<Mfn, max_vcpus_per_domain / vcpus_per_table> level_1_{};
};

} // namespace rf::domain
