// SPDX-License-Identifier: MIT
#pragma once
/// One event channel and the buckets they are kept in.

#include "base/atomic.hpp"
#include "base/types.hpp"
#include "xen/event.h"

#include <array>

namespace rf::event {

class EventTable;

enum class ChannelState : std::uint8_t {
    free,
    reserved,    ///< port 0: never handed out
    unbound,     ///< `domain` may connect
    interdomain, ///< connected to port `number` of table `remote`
    pirq,        ///< physical interrupt `number`
    virq,        ///< virtual interrupt `number`
    ipi,         ///< raised by the domain itself
};

/// Where an event goes in the FIFO ABI.
struct QueuePlace {
    std::uint8_t vcpu;
    std::uint8_t priority;
    constexpr bool operator==(QueuePlace const&) const = default;
};

/// Fields change under the lock of the owning table (and of the peer's table for interdomain channels), except the
/// atomics, which senders of the peer read while they hold only their own table's lock.
struct Channel {
    EventTable* remote;         ///< interdomain: the peer's table, valid while the state is interdomain
    std::uint32_t number;       ///< remote port, pirq or virq
    DomainId domain;            ///< unbound, interdomain: the other domain
    ChannelState state;
    Atomic<std::uint8_t> vcpu;     ///< who is notified
    Atomic<std::uint8_t> priority; ///< FIFO queue
    /// FIFO: pending, but the event word does not exist yet.
    Atomic<bool> remembered;
    /// FIFO: the queue that the event was linked to last; changes under that queue's lock and the new one's.
    Atomic<QueuePlace> linked_to;
};
static_assert(sizeof(Channel) == 24);

inline constexpr unsigned channels_per_bucket = 64;

/// Channels are made in buckets and live until the table is destroyed.
struct Bucket {
    std::array<Channel, channels_per_bucket> channels;
    std::uint32_t used; ///< channels that are not free
};

} // namespace rf::event
