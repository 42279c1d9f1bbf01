// SPDX-License-Identifier: MIT
#include "guest/access.hpp"
#include "hypercall/control.hpp"

#include <algorithm>

namespace rf::hypercall {
namespace {

[[nodiscard]] std::uint64_t bytes_of(xen::xenctl_bitmap const& bitmap) { return (bitmap.nr_bits + 7ull) / 8; }

[[nodiscard]] std::uint64_t bits_that_count(xen::xenctl_bitmap const& bitmap)
{
    return CpuMask::first(bitmap.nr_bits).bits();
}

} // namespace

Result<CpuMask> read_bitmap(xen::xenctl_bitmap const& bitmap)
{
    std::uint64_t bits = 0; // byte order of the bitmap is that of the machine
    std::uint64_t const bytes = std::min<std::uint64_t>(bytes_of(bitmap), sizeof bits);
    TRY(guest::copy_bytes_in(&bits, GuestVirtual{bitmap.bitmap.address}, bytes));
    return CpuMask{bits & bits_that_count(bitmap)};
}

Status write_bitmap(xen::xenctl_bitmap const& bitmap, CpuMask mask)
{
    std::uint64_t const bits = mask.bits() & bits_that_count(bitmap);
    std::uint64_t const bytes = std::min<std::uint64_t>(bytes_of(bitmap), page_size);
    std::uint64_t const significant = std::min<std::uint64_t>(bytes, sizeof bits);
    TRY(guest::copy_bytes_out(GuestVirtual{bitmap.bitmap.address}, &bits, significant));
    return guest::clear_bytes(GuestVirtual{bitmap.bitmap.address + significant}, bytes - significant);
}

} // namespace rf::hypercall
