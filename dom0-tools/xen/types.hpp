// SPDX-License-Identifier: MIT
#pragma once
/// Distinct types for the numbers that cross the kernel doors, so that a frame can never be passed as a port.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace rf::xen {

/// A number with a meaning. Construction is explicit, only comparison is defined; `.value` leaves the type.
template <class Tag, class Representation>
struct Number {
    Representation value{};

    constexpr Number() = default;
    constexpr explicit Number(Representation raw) : value(raw) {}
    friend constexpr auto operator<=>(Number, Number) = default;
};

using DomainId = Number<struct DomainIdTag, std::uint16_t>;    ///< domain number
using Mfn = Number<struct MfnTag, std::uint64_t>;              ///< machine frame number
using Pfn = Number<struct PfnTag, std::uint64_t>;              ///< guest pseudo-physical frame number
using LocalPort = Number<struct LocalPortTag, std::uint32_t>;  ///< event-channel port of the calling domain
using RemotePort = Number<struct RemotePortTag, std::uint32_t>;///< event-channel port of another domain
using GrantRef = Number<struct GrantRefTag, std::uint32_t>;    ///< entry in a domain's grant table

inline constexpr std::size_t page_size = 4096;
inline constexpr DomainId dom0{0};
inline constexpr DomainId domid_self{0x7ff0};
inline constexpr std::uint16_t first_reserved_domid = 0x7ff0;

/// How a mapping may be used.
enum class Access { read_only, read_write };

}  // namespace rf::xen

template <class Tag, class Representation>
struct std::hash<rf::xen::Number<Tag, Representation>> {
    std::size_t operator()(rf::xen::Number<Tag, Representation> number) const noexcept
    {
        return std::hash<Representation>{}(number.value);
    }
};
