// SPDX-License-Identifier: MIT
#pragma once
/// A block frontend with one ring and one request in flight, for guests that check or read a disk.
/// Owner: one thread, which waits in every call.

#include <cstddef>
#include <cstdint>
#include <span>

#include "front/device.hpp"
#include "front/lent_page.hpp"
#include "io/blkif.h"
#include "ring/front_ring.hpp"

namespace rf::front {

class BlockDevice {
public:
    explicit BlockDevice(Doors doors) : device_(doors) {}

    /// Number of the first disk the domain has; ENOENT if it has none.
    [[nodiscard]] static Result<std::uint64_t> first_number(StoreClient& store) { return Device::first_number(store, "vbd"); }

    /// Connects to the backend of device `number`. Errors: of the store, ENOMEM, ENOSPC, ENODEV, ETIMEDOUT after 30 s.
    [[nodiscard]] Result<void> connect(std::uint64_t number);
    /// Takes leave of the backend and takes every page back; EBUSY if the backend kept one.
    [[nodiscard]] Result<void> disconnect();

    /// Units of 512 bytes.
    [[nodiscard]] std::uint64_t sectors() const { return sectors_; }
    [[nodiscard]] bool read_only() const { return read_only_; }

    /// Transfers the whole of `page` (from Pages) from or to eight sectors beginning at `sector`. EIO if the backend refuses or
    /// its answer is impossible, ENODEV if it goes away meanwhile.
    [[nodiscard]] Result<void> read(std::uint64_t sector, std::byte* page);
    [[nodiscard]] Result<void> write(std::uint64_t sector, const std::byte* page);
    /// Puts written data on stable storage; EOPNOTSUPP if the backend cannot.
    [[nodiscard]] Result<void> flush();

    static constexpr std::uint64_t sectors_per_page = page_size / 512;

private:
    [[nodiscard]] Result<void> publish_ring();
    [[nodiscard]] Result<void> transfer(xen::blkif_operation operation, std::uint64_t sector, const std::byte* page, GrantAccess access);
    [[nodiscard]] Result<void> perform(const xen::blkif_request& request);
    [[nodiscard]] Result<void> wait_for_response();

    Device device_;
    LentPage ring_page_;
    Port port_ = 0;
    ring::FrontRing<sizeof(xen::blkif_sring_entry)> ring_;
    std::uint64_t next_id_ = 0;
    std::uint64_t sectors_ = 0;
    bool read_only_ = false;
};

}  // namespace rf::front
