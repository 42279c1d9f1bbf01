// SPDX-License-Identifier: MIT
#pragma once
/// What the two halves of the program send each other: one datagram each way, the reply with descriptors attached.

#include <cstdint>
#include <span>
#include <vector>

#include "block/disk.hpp"
#include "bin/rf-backd/names.hpp"

namespace rf::backd {

struct OpenRequest {
    enum class What : std::uint32_t { disk, card, store };
    What what;
    std::uint32_t device;  ///< not for the store
};

struct OpenReply {
    std::int32_t error = 0;  ///< errno, EAGAIN while the store is away; with it, `text` says what failed
    std::uint32_t mtu = 0;
    std::uint64_t rate_bytes = 0;
    std::int64_t rate_microseconds = 0;
    block::DiskFacts disk;
    char text[256] = {};
};

/// Most descriptors of one reply: the queues of a card and its log, with room to spare.
inline constexpr std::size_t max_descriptors = 8;

/// Sends a reply. False if the other side is gone.
[[nodiscard]] bool send_reply(int socket, const OpenReply& reply, std::span<const int> descriptors);
/// Receives one; the descriptors are the caller's, in order.
[[nodiscard]] xen::Result<OpenReply> receive_reply(int socket, std::vector<xen::Descriptor>& descriptors);

}  // namespace rf::backd
