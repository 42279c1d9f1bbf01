// SPDX-License-Identifier: MIT
#pragma once
/// What can be known to fail before anything is created: files, disks, bridges, name, memory. Every refusal names what is
/// missing and what to do.

#include "config/domain_spec.hpp"
#include "lifecycle/domain_list.hpp"
#include "lifecycle/session.hpp"

namespace rf::lifecycle {

/// Disks and bridges exist and can be used. `where` is the definition's file, for messages.
[[nodiscard]] Result<void> check_devices(const config::DomainSpec& spec, const std::string& where);

/// No other domain has this name or identifier. Hold the names' lock from here until the name is in the store.
[[nodiscard]] Result<void> check_name(const config::DomainSpec& spec, const std::vector<DomainView>& domains);

/// Memory of the machine at one moment.
struct MemoryState {
    std::uint64_t free_bytes = 0;
    std::vector<std::pair<std::string, std::uint64_t>> holders;  ///< domains and their bytes
};
[[nodiscard]] Result<MemoryState> memory_state(Session& session, const std::vector<DomainView>& domains);

/// Bytes that a domain takes from the free memory: its own and what the hypervisor needs to run it.
[[nodiscard]] std::uint64_t memory_needed(const config::DomainSpec& spec);
/// There is enough memory; else says how much is needed, how much is free, and who holds the rest.
[[nodiscard]] Result<void> check_memory(const config::DomainSpec& spec, const MemoryState& memory);

/// Processors named by pinnings exist.
[[nodiscard]] Result<void> check_processors(const config::DomainSpec& spec, unsigned processors);

}  // namespace rf::lifecycle
