// SPDX-License-Identifier: MIT
#pragma once
/// The host's end of a virtual network card: a tap interface with several queues on a bridge. `open_tap` runs with
/// privileges; `TapQueue` works on one open queue and needs none.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "net/offload.hpp"
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

    /// Reads one packet into `buffer`, its header into `header`. Its bytes, 0 if there is none, or an error.
    [[nodiscard]] virtual Result<std::size_t> read(TapHeader& header, std::span<std::byte> buffer) = 0;
    /// Sends one packet. EAGAIN: the host is too far behind; the packet is lost, as on any full link.
    [[nodiscard]] virtual Result<void> write(const TapHeader& header, std::span<const std::byte> packet) = 0;
    /// Readable when a packet waits; -1 if there is nothing to wait on.
    [[nodiscard]] virtual int descriptor() const = 0;
};

class TapQueue final : public PacketPort {
public:
    explicit TapQueue(xen::Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

    [[nodiscard]] Result<std::size_t> read(TapHeader& header, std::span<std::byte> buffer) override;
    [[nodiscard]] Result<void> write(const TapHeader& header, std::span<const std::byte> packet) override;
    [[nodiscard]] int descriptor() const override { return descriptor_.number(); }

    /// Tells the interface (all its queues) what it may leave undone: TUN_F_* bits.
    [[nodiscard]] Result<void> set_offloads(unsigned offloads);
    /// Whether the host puts packets into this queue.
    enum class Use { attached, detached };
    [[nodiscard]] Result<void> set_use(Use use);

private:
    xen::Descriptor descriptor_;
    Use use_ = Use::attached;
};

}  // namespace rf::net
