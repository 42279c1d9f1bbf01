// SPDX-License-Identifier: MIT
#pragma once
/// The hypervisor's own half of every address space: top-level slots 256..271, built once by boot and shared by all roots.
///
/// Invariants: a top-level entry never changes after boot, so every guest root may hold a copy; entries below only go from
/// absent to present, so no other CPU needs to be told. Nothing is both writable and executable.

#include "base/address_map.hpp"
#include "base/result.hpp"

#include <span>

namespace rf::mm {

enum class Access : std::uint8_t {
    read,        ///< not executable
    write,       ///< readable and writable, not executable
    execute,     ///< readable and executable
    guest_read,  ///< as read, and for ring 3 too; a top-level slot holds only such mappings or none
};

/// Memory type by PAT index (cpu::pat_value).
enum class Caching : std::uint8_t { write_back, uncached, write_combining };

/// The largest page that a mapping may use.
enum class PageLimit : std::uint8_t { small = 1, two_mib = 2, one_gib = 3 };

/// Supplies zeroed frames for page tables; reachable through the direct map.
using TableSource = Result<Mfn> (*)();

class HypervisorSpace {
public:
    constexpr HypervisorSpace() = default;

    /// Starts with an empty root. Errno::enomem.
    [[nodiscard]] Status create(TableSource source);
    /// Page tables come from here from now on.
    void set_source(TableSource source) { source_ = source; }
    /// Maps `bytes` at `virtual_address` to `machine`, all page aligned, in the largest pages up to `largest`.
    /// Errno::enomem, Errno::eexist: something is mapped there.
    [[nodiscard]] Status map(std::uint64_t virtual_address, MachineAddress machine, std::uint64_t bytes, Access access,
                             Caching caching = Caching::write_back, PageLimit largest = PageLimit::small);
    /// The frame behind a hypervisor address, or an invalid number.
    [[nodiscard]] Mfn frame_of(std::uint64_t virtual_address) const;
    [[nodiscard]] Mfn root() const { return root_; }

private:
    [[nodiscard]] Result<std::uint64_t*> entry_for(std::uint64_t virtual_address, unsigned level, Access access);
    Mfn root_;
    TableSource source_ = nullptr;
};

extern HypervisorSpace hypervisor_space;

/// The entries for slots 256..271 that every guest root must hold; slot 260 is empty: it belongs to the domain.
[[nodiscard]] std::span<std::uint64_t const, 16> hypervisor_slots();
/// The root to run on while no guest does.
[[nodiscard]] Mfn idle_root();
/// The 2 MiB aligned, 512 frames long piece of the M2P that covers the `index`-th GiB of machine memory
/// (XENMEM_machphys_mfn_list); invalid when no RAM is there.
[[nodiscard]] Mfn m2p_piece(std::uint64_t index);
/// True for frames of the M2P: the only frames of the hypervisor that a toolstack may map (read-only, as DOMID_XEN).
[[nodiscard]] bool is_m2p_frame(Mfn mfn);

} // namespace rf::mm
