// SPDX-License-Identifier: MIT
#pragma once
/// A block frontend with one ring and one request in flight, for guests that check or read a disk. Needs `store` and `grants`
/// initialised. Owner: the main program.

#include <cstddef>
#include <cstdint>
#include <span>

#include "grants.hpp"
#include "io/blkif.h"
#include "io/xenbus.h"
#include "ring/front_ring.hpp"
#include "store.hpp"
#include "text.hpp"

namespace rf::runtime {

class BlockDevice {
public:
    /// Number of the first disk the domain has; ENOENT if it has none.
    [[nodiscard]] static Result<std::uint64_t> first_number();

    /// Connects to the backend of device `number`. Errors: of the store, ENOMEM, ENOSPC, ETIMEDOUT after 30 s.
    [[nodiscard]] Result<void> connect(std::uint64_t number);
    /// Takes leave of the backend and takes every page back.
    [[nodiscard]] Result<void> disconnect();

    /// Units of 512 bytes.
    [[nodiscard]] std::uint64_t sectors() const { return sectors_; }
    [[nodiscard]] bool read_only() const { return read_only_; }

    /// Transfers the whole of `page` (from memory.allocate) from or to eight sectors beginning at `sector`. EIO if the backend
    /// refuses or its answer is impossible.
    [[nodiscard]] Result<void> read(std::uint64_t sector, std::byte* page);
    [[nodiscard]] Result<void> write(std::uint64_t sector, const std::byte* page);
    /// Puts written data on stable storage; EOPNOTSUPP if the backend cannot.
    [[nodiscard]] Result<void> flush();

    static constexpr std::uint64_t sectors_per_page = page_size / 512;

private:
    using Path = ShortText<store_path_size>;

    [[nodiscard]] Result<void> publish_ring();
    /// Waits until the backend's state is `first` ... `last`.
    [[nodiscard]] Result<void> wait_for_backend(xen::xenbus_state first, xen::xenbus_state last);
    [[nodiscard]] Result<void> set_state(xen::xenbus_state state);
    [[nodiscard]] Result<void> write_node(std::string_view name, std::uint64_t value);
    [[nodiscard]] Result<void> transfer(xen::blkif_operation operation, std::uint64_t sector, const std::byte* page, GrantAccess access);
    [[nodiscard]] Result<void> perform(const xen::blkif_request& request);

    Path front_;
    Path back_;
    std::uint64_t number_ = 0;
    xen::domid_t backend_ = 0;
    std::byte* ring_page_ = nullptr;
    GrantReference ring_reference_ = 0;
    Port port_ = 0;
    ring::FrontRing<sizeof(xen::blkif_sring_entry)> ring_;
    std::uint64_t next_id_ = 0;
    std::uint64_t sectors_ = 0;
    bool read_only_ = false;
};

}  // namespace rf::runtime
