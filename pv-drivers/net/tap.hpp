// SPDX-License-Identifier: MIT
#pragma once
/// The host's end of a virtual network card: a tap interface with several queues on a bridge. `open_tap` runs with
/// privileges; `TapQueue` works on one open queue and needs none.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/offload.hpp"
#include "net/packet_io.hpp"
#include "xen/descriptor.hpp"

namespace rf::net {

template <class T>
using Result = xen::Result<T>;

/// What the toolstack's nodes ask for.
struct TapOrder {
    std::string name;    ///< of the interface, at most 15 characters
    std::string bridge;  ///< empty: on no bridge
    std::uint32_t mtu = 1500;
    std::uint32_t queues = 1;
};

/// Creates the interface, puts it on the bridge, brings it up. One descriptor per queue, all attached; the interface goes
/// when the last is closed. EAGAIN: the name is still taken, perhaps by a process that is just ending.
[[nodiscard]] Result<std::vector<xen::Descriptor>> open_tap(const TapOrder& order);

/// One queue, as an interface: programs have the tap's descriptor behind it, tests a list of packets.
class PacketPort {
public:
    virtual ~PacketPort() = default;

    /// Reads packets, as many as there are and have room in `transfers`. See `PacketIo`.
    virtual void read(std::span<Transfer> transfers, ExpectedPackets expected) = 0;
    /// Sends packets. -EAGAIN: the host is too far behind; the packet is lost, as on any full link.
    virtual void write(std::span<Transfer> transfers) = 0;
    /// Readable when a packet waits; -1 if there is nothing to wait on.
    [[nodiscard]] virtual int descriptor() const = 0;
};

class TapQueue final : public PacketPort {
public:
    TapQueue(xen::Descriptor descriptor, PacketIo& io) : descriptor_(std::move(descriptor)), io_(&io) {}

    void read(std::span<Transfer> transfers, ExpectedPackets expected) override { io_->read(descriptor(), transfers, expected); }
    void write(std::span<Transfer> transfers) override { io_->write(descriptor(), transfers); }
    [[nodiscard]] int descriptor() const override { return descriptor_.number(); }

    /// Tells the interface (all its queues) what it may leave undone: TUN_F_* bits.
    [[nodiscard]] Result<void> set_offloads(unsigned offloads);
    /// Whether the host puts packets into this queue.
    enum class Use { attached, detached };
    [[nodiscard]] Result<void> set_use(Use use);

private:
    xen::Descriptor descriptor_;
    PacketIo* io_;
    Use use_ = Use::attached;
};

}  // namespace rf::net
