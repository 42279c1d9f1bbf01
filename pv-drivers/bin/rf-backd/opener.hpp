// SPDX-License-Identifier: MIT
#pragma once
/// The privileged half of the program. It opens disks and taps for the confined half and does nothing else: it is asked for
/// "device number n of kind k" or "the store", reads in the store what that is (nodes that only the toolstack can write), and sends
/// descriptors back. So the confined process can be given later devices too, and a conquered one can ask for nothing that
/// the toolstack did not give to its domain.

#include "bin/rf-backd/names.hpp"
#include "block/device.hpp"
#include "net/device.hpp"

namespace rf::backd {

template <class T>
using Result = xen::Result<T>;

/// Answers one request that waits on `socket`. False when the other side has closed it.
[[nodiscard]] bool serve_opener(int socket, std::uint16_t domain);

/// The confined side: asks through its end of the socket pair.
class OpenerClient {
public:
    explicit OpenerClient(int socket) : socket_(socket) {}

    [[nodiscard]] Result<block::OpenDisk> open_disk(std::uint32_t device);
    [[nodiscard]] Result<net::OpenCard> open_card(std::uint32_t device, net::PacketIo& packets);
    /// A new connection to the store. EAGAIN: it is not there now.
    [[nodiscard]] Result<xen::Descriptor> open_store();

private:
    int socket_;
};

}  // namespace rf::backd
