// SPDX-License-Identifier: MIT
#pragma once
/// One transmit ring: from the guest's slots to packets on the host's side.
///
///   slots --copied--> backlog --parse--> batch --one hypercall--> arena --headers, one system call--> tap
///
/// Responses leave in the order of slots. All that is held for a guest: one ring's worth of copied slots, and the tap's send
/// buffer. A frontend that breaks the protocol is not served any more until it reconnects.

#include <vector>

#include "net/doors.hpp"
#include "net/response_log.hpp"
#include "net/tap.hpp"
#include "net/token_bucket.hpp"
#include "xenbus/guest_copy.hpp"

namespace rf::net {

inline constexpr std::uint32_t ring_slots = 256;

class Transmit {
public:
    using Ring = ring::BackRing<sizeof(::xen::netif_tx_sring_entry)>;
    using Log = ResponseLog<::xen::netif_tx_response, ring_slots>;

    Transmit(Doors doors, xen::DomainId domain, xen::GrantMapping page, PacketPort& port, TokenBucket& bucket, Log log);

    /// Begins at the ring's own index.
    void start_fresh();
    /// Begins where the log's writer died.
    void resume();
    /// Sends what can be sent now; `notify` is set if the frontend must be told.
    [[nodiscard]] Turn turn(ring::Notify& notify);
    void stop() { stopped_ = true; }
    [[nodiscard]] bool broken() const { return broken_ || ring_.broken(); }

private:
    struct Item {
        std::size_t first_slot = 0;  ///< in the backlog
        TxPacket packet;
        std::span<std::byte> bytes;
        TxFate fate = TxFate::send;
    };

    void refill();
    /// Moves packets from the backlog to the batch.
    void collect(Turn& turn);
    void place(Item& item, std::size_t& used);
    /// Puts the packet's header before it and the packet among those to be sent.
    void frame(Item& item);
    void answer(const Item& item);
    void abandon(const char* reason);

    Doors doors_;
    xen::GrantMapping page_;
    PacketPort& port_;
    TokenBucket& bucket_;
    Log log_;
    Ring ring_;
    xenbus::GuestCopy copies_;
    std::vector<TxSlot> backlog_;
    std::size_t next_ = 0;  ///< slots of the backlog before this one are answered
    std::vector<Item> batch_;
    std::vector<Transfer> outgoing_;
    std::vector<::xen::netif_tx_response> responses_;
    bool stopped_ = false;
    bool broken_ = false;
};

}  // namespace rf::net
