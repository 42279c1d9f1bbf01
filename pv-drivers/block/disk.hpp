// SPDX-License-Identifier: MIT
#pragma once
/// The file or block device behind a virtual disk: opening and measuring it. Runs with privileges, before confinement; what
/// crosses over to the confined process is an open descriptor and `DiskFacts`.

#include <cstdint>
#include <string>
#include <string_view>

#include "xen/descriptor.hpp"
#include "xen/types.hpp"

namespace rf::block {

template <class T>
using Result = xen::Result<T>;

/// Sectors of the protocol, whatever the disk's own size is. Bytes.
inline constexpr std::uint32_t protocol_sector = 512;

/// What is known of an open disk. Plain bytes: it is sent between processes.
struct DiskFacts {
    std::uint64_t sectors = 0;               ///< of 512 bytes
    std::uint32_t sector_size = 512;         ///< bytes; requests are multiples of it
    std::uint32_t physical_sector_size = 512;
    std::uint32_t discard_granularity = 0;   ///< bytes; 0: cannot discard
    std::uint32_t read_only = 0;
    std::uint32_t block_device = 0;
    std::uint32_t direct = 0;                ///< opened past the page cache: buffers must be aligned to sectors
};

/// What the toolstack's nodes ask for.
struct DiskOrder {
    enum class Kind { any, file, block_device };
    enum class Discard { no, if_possible };
    enum class Sharing { exclusive, shared };

    std::string path;
    Kind kind = Kind::any;
    xen::Access access = xen::Access::read_write;
    Sharing sharing = Sharing::exclusive;
    Discard discard = Discard::if_possible;
};

/// Reads the nodes `params` ("path" or "aio:path"), `type` (file, block, phy, or anything), `mode` (r, w, w!) and
/// `discard-enable` (empty if absent). EINVAL says which one is wrong.
[[nodiscard]] Result<DiskOrder> parse_order(std::string_view params, std::string_view type, std::string_view mode,
                                            std::string_view discard_enable);

struct Disk {
    xen::Descriptor descriptor;
    DiskFacts facts;
};

/// Opens a disk, past the page cache where 512-byte access allows it. An exclusive disk is locked: the lock is held by the
/// open file, thus until the last I/O of a process that was killed has ended. EAGAIN: somebody still holds the lock.
[[nodiscard]] Result<Disk> open_disk(const DiskOrder& order);

}  // namespace rf::block
