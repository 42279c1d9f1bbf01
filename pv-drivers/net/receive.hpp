// SPDX-License-Identifier: MIT
#pragma once
/// One receive ring: from packets on the host's side to the guest's pages.
///
///   tap --packets--> arena --plan--> pages taken from the ring --one hypercall--> guest pages, responses
///
/// A packet is read only when the ring has room for the largest there can be, so none is ever held here: those that wait,
/// wait in the tap's bounded queue, where the host drops what is too many. Small packets are read one by one and lie close
/// together; while large ones come, several are read with one system call.

#include <vector>

#include "net/doors.hpp"
#include "net/solo_guess.hpp"
#include "net/response_log.hpp"
#include "net/tap.hpp"
#include "net/transmit.hpp"
#include "xenbus/guest_copy.hpp"

namespace rf::net {

class Receive {
public:
    using Ring = ring::BackRing<sizeof(::xen::netif_rx_sring_entry)>;
    using Log = ResponseLog<::xen::netif_rx_response, ring_slots>;

    Receive(Doors doors, xen::DomainId domain, xen::GrantMapping page, PacketPort& port, const FrontFeatures& front,
            std::uint32_t mtu, Log log);

    void start_fresh();
    void resume();
    [[nodiscard]] Turn turn(ring::Notify& notify);
    void stop() { stopped_ = true; }
    [[nodiscard]] bool broken() const { return ring_.broken(); }
    /// The tap was found empty, so it is not looked at again before `packets_wait`; the next packet is worth waking up for.
    [[nodiscard]] bool wants_packets() const { return dry_ && !stopped_ && !starved_ && !lost_ && !ring_.broken(); }
    /// There may be packets on the tap.
    void packets_wait() { dry_ = false; }

private:
    /// Reads what comes next, behind the first `used` bytes of the arena, and delivers it. How many packets; 0: none is left.
    [[nodiscard]] std::size_t read_some(std::size_t& used);
    /// Delivers one packet, its header before it; takes the pages it needs.
    void deliver(std::span<std::byte> framed);
    [[nodiscard]] bool room();
    /// A tap that fails is always "readable": waiting on it would be a busy loop.
    void lose(const std::string& reason);

    Doors doors_;
    xen::GrantMapping page_;
    PacketPort& port_;
    FrontFeatures front_;
    std::uint32_t room_needed_;
    Log log_;
    Ring ring_;
    xenbus::GuestCopy copies_;
    std::vector<::xen::netif_rx_response> responses_;
    std::vector<Transfer> incoming_;
    ExpectedPackets expected_ = small_packets;  ///< as in the last look, but the last of them
    bool dry_ = false;      ///< the tap had no packet left, or is taken to have none
    SoloGuess guess_;
    bool starved_ = false;  ///< waits for the guest to offer pages
    bool lost_ = false;     ///< the tap is gone: somebody deleted it
    bool stopped_ = false;
};

}  // namespace rf::net
