// SPDX-License-Identifier: MIT
#pragma once
/// Strong types for addresses, frame numbers and identifiers. Conversions are explicit; only meaningful arithmetic exists.

#include <compare>
#include <cstddef>
#include <cstdint>

namespace rf {

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_size = 1ull << page_shift;
/// Pages that hold so many bytes; `bytes` is at least a page away from 2^64.
[[nodiscard]] constexpr std::uint64_t pages_of(std::uint64_t bytes) { return (bytes + page_size - 1) >> page_shift; }
inline constexpr std::uint64_t page_mask = ~(page_size - 1);
/// Entries in one page-table page.
inline constexpr unsigned table_entries = 512;
/// Largest number of processors that we drive.
inline constexpr unsigned max_cpus = 64;
/// Largest number of virtual processors of one domain.
inline constexpr unsigned max_vcpus_per_domain = 64;

/// A number of 4 KiB frames in one address space; the tag keeps spaces apart.
template <class Tag>
struct FrameNumber {
    std::uint64_t value = ~0ull;

    constexpr FrameNumber() = default;
    constexpr explicit FrameNumber(std::uint64_t number) : value(number) {}

    constexpr auto operator<=>(FrameNumber const&) const = default;
    constexpr FrameNumber operator+(std::uint64_t count) const { return FrameNumber{value + count}; }
    constexpr FrameNumber operator-(std::uint64_t count) const { return FrameNumber{value - count}; }
    constexpr std::uint64_t operator-(FrameNumber other) const { return value - other.value; }
    constexpr FrameNumber& operator++()
    {
        ++value;
        return *this;
    }
    [[nodiscard]] constexpr bool valid() const { return value != ~0ull; }
};

/// Machine frame: 4 KiB of physical memory or of memory-mapped devices.
using Mfn = FrameNumber<struct MachineTag>;
/// Guest pseudo-physical frame: a domain's own numbering of its memory.
using Pfn = FrameNumber<struct PseudoPhysicalTag>;

inline constexpr Mfn invalid_mfn{};
inline constexpr Pfn invalid_pfn{};

/// A byte address in machine (physical) memory.
struct MachineAddress {
    std::uint64_t value = 0;
    constexpr auto operator<=>(MachineAddress const&) const = default;
    [[nodiscard]] constexpr Mfn frame() const { return Mfn{value >> page_shift}; }
    [[nodiscard]] constexpr std::uint64_t offset() const { return value & ~page_mask; }
    [[nodiscard]] static constexpr MachineAddress of(Mfn mfn) { return {mfn.value << page_shift}; }
};

/// A virtual address in some guest's address space. Never dereferenced outside room guest/.
struct GuestVirtual {
    std::uint64_t value = 0;
    constexpr auto operator<=>(GuestVirtual const&) const = default;
    constexpr GuestVirtual operator+(std::uint64_t bytes) const { return {value + bytes}; }
};

/// Identifies a domain (public header xen.h, domid_t).
struct DomainId {
    std::uint16_t value = 0;
    constexpr auto operator<=>(DomainId const&) const = default;
};

inline constexpr DomainId domain_zero{0};
/// First reserved identifier: real domains are below it.
inline constexpr DomainId domid_first_reserved{0x7ff0};
inline constexpr DomainId domid_self{0x7ff0};
inline constexpr DomainId domid_io{0x7ff1};
inline constexpr DomainId domid_xen{0x7ff2};
inline constexpr DomainId domid_invalid{0x7ff4};
inline constexpr DomainId domid_idle{0x7fff};

using CpuId = std::uint32_t;
using VcpuId = std::uint32_t;
/// Event channel port of one domain.
using Port = std::uint32_t;
/// Nanoseconds of system time: counted from hypervisor start.
using Nanoseconds = std::uint64_t;
inline constexpr Nanoseconds never = ~0ull;

/// True for addresses whose bits 63..47 are equal (4-level paging).
[[nodiscard]] constexpr bool is_canonical(std::uint64_t address)
{
    return (static_cast<std::int64_t>(address << 16) >> 16) == static_cast<std::int64_t>(address);
}

} // namespace rf
