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

/// Large packets that a reader takes to be waiting, or `small_packets`. Only a matter of speed.
using ExpectedPackets = std::size_t;
inline constexpr ExpectedPackets small_packets = 0;

class PacketIo {
public:
    virtual ~PacketIo() = default;
    /// Carries all of `transfers` out in order, without waiting for anything: -EAGAIN if there is no packet, or no room for
    /// one. Those read come first in `transfers` afterwards. The descriptor must be non-blocking.
    virtual void read(int descriptor, std::span<Transfer> transfers, ExpectedPackets expected) = 0;
    virtual void write(int descriptor, std::span<Transfer> transfers) = 0;
};

}  // namespace rf::net
