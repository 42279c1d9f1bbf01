// SPDX-License-Identifier: MIT
#pragma once
/// Packets between memory and an open tap, several at once, as an interface: programs put io_uring behind it.

#include <cstddef>
#include <span>

namespace rf::net {

/// A packet in memory and what became of it. Its header (`TapHeader`) lies before it, in one piece with it.
struct Transfer {
    std::span<std::byte> framed;  ///< header and packet, or the room for both
    long result = 0;              ///< bytes moved, header included, or a negative errno
};

/// What a reader takes the next packets to be; only a matter of speed.
enum class Expected { small, large };

class PacketIo {
public:
    virtual ~PacketIo() = default;
    /// Carries all of `transfers` out in order, without waiting for anything: -EAGAIN if there is no packet, or no room for
    /// one. The descriptor must be non-blocking.
    virtual void read(int descriptor, std::span<Transfer> transfers, Expected expected) = 0;
    virtual void write(int descriptor, std::span<Transfer> transfers) = 0;
};

}  // namespace rf::net
