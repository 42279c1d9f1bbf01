// SPDX-License-Identifier: MIT
#include "dom0/memory_size.hpp"

#include "dom0/low_memory_reserve.hpp"

#include <algorithm>

namespace rf::dom0 {
namespace {

constexpr std::uint64_t most_reserved = (128ull << 20) >> page_shift;
/// Without this much the hypervisor itself could do nothing for any domain.
constexpr std::uint64_t always_reserved = (8ull << 20) >> page_shift;

/// What XENMEM_maximum_reservation answers for a domain that may grow as far as the machine goes.
constexpr std::uint64_t no_limit = 0xffff'ffff;

std::uint64_t default_reserve(std::uint64_t available)
{
    std::uint64_t const least = std::min(LowMemoryReserve::wanted_pages, available / 4);
    return std::clamp(available / 16, least, most_reserved);
}

} // namespace

MemorySize choose_memory_size(Request const& request, std::uint64_t available)
{
    std::uint64_t const bytes = available << page_shift;
    auto const pages = [bytes](dev::MemoryAmount const& amount, std::uint64_t otherwise) {
        return amount.resolve(bytes, otherwise << page_shift) >> page_shift;
    };
    std::uint64_t const least = pages(request.memory_minimum, 0);
    std::uint64_t const most = pages(request.memory_maximum, ~0ull >> page_shift);
    std::uint64_t const wanted = pages(request.memory, available - default_reserve(available));

    MemorySize size;
    std::uint64_t const possible = available - std::min(always_reserved, available / 8);
    size.pages = std::min({std::max(wanted, least), most, possible});
    size.limit = request.memory_maximum.given ? std::max(most, size.pages) : no_limit;
    return size;
}

} // namespace rf::dom0
