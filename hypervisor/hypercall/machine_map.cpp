// SPDX-License-Identifier: MIT
#include "hypercall/machine_map.hpp"

#include "dev/memory_map.hpp"

#include <array>

namespace rf::hypercall {
namespace {

/// Linux offers room for 128 entries and more.
constinit std::array<xen::e820entry, 192> entries{};
constinit std::size_t entry_count = 0;

} // namespace

Status set_machine_map(std::span<xen::e820entry const> host)
{
    entry_count = TRY(dev::compose_machine_map(host, dev::machine_tables, entries));
    return {};
}

std::span<xen::e820entry const> machine_map() { return {entries.data(), entry_count}; }

} // namespace rf::hypercall
