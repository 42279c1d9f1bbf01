// SPDX-License-Identifier: MIT
#pragma once
/// The parts of memory_op (public header memory.h). Each is one sub-operation or a family of them; memory.cpp chooses.
///
/// The first argument of the hypercall holds the sub-operation in its low six bits and, above, how far a continued call
/// has come.

#include "hypercall/call.hpp"
#include "xen/memory.h"

namespace rf::hypercall::memory {

inline constexpr unsigned command_bits = 6;
[[nodiscard]] inline std::uint32_t command(Call const& call) { return call.narrow(0) & ((1u << command_bits) - 1); }
[[nodiscard]] inline std::uint64_t progress(Call const& call) { return call[0] >> command_bits; }
/// Runs the same sub-operation again from `done` on.
[[nodiscard]] Outcome continue_from(Call& call, std::uint64_t done);

/// Largest extent order that the caller may name: small for guests, so that one extent is little work.
[[nodiscard]] unsigned order_limit(domain::Domain const& caller);

/// What one segment may do, in units of about 150 instructions (docs/security/bounds.md).
inline constexpr std::uint32_t units_per_segment = 192;

// memory_reservation.cpp: populate_physmap, increase_reservation, decrease_reservation. The result is always the number
// of extents done, also when that is none because the request makes no sense.
[[nodiscard]] Outcome change_reservation(Call& call);
// memory_claim: promise of memory
[[nodiscard]] Outcome claim_pages(Call& call);

// memory_exchange.cpp
[[nodiscard]] Outcome exchange(Call& call);

// memory_layout.cpp: the maps of a domain and of the machine, the machine-to-physical table, the hypervisor's pages
[[nodiscard]] Status get_memory_map(Call& call);
[[nodiscard]] Status set_memory_map(Call& call);
[[nodiscard]] Status get_machine_memory_map(Call& call);
[[nodiscard]] Status get_machphys_frames(Call& call);
[[nodiscard]] Status get_machphys_mapping(Call& call);
[[nodiscard]] Status get_reserved_device_memory(Call& call);
[[nodiscard]] Outcome acquire_resource(Call& call);

} // namespace rf::hypercall::memory
