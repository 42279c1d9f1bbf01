// SPDX-License-Identifier: MIT
#pragma once
/// A network frontend: one transmit and one receive ring, received packets copied into pages of ours, no scatter-gather and no
/// segmentation, so that every frame is one slot of at most 1514 bytes. Checksums may be left blank in both directions.
///
///     absent --open--> waiting --backend InitWait--> told --backend Connected--> up
///                         ^                            |                          |
///                         |                            +------ backend leaves ----+
///                         +-- backend is back, wanted -- leaving <----------------+--> ended (three refusals, a broken ring, close)
///
/// A backend that is replaced without closing (a process that died, a driver bound anew) passes unnoticed: the next one joins the
/// rings where they stand.
///
/// Invariants
/// - The backend writes into our pages at any time: a frame is copied out once, and its length and place were checked before.
/// - Buffers stay lent while connected; after the backend has let go every page is taken back, or lost if it is still mapped.
/// - Ids and indices of the backend are checked; impossible ones end the connection, and the card does not come back.
/// Owner: one thread. Nothing but `close` and the answers of the store is waited for.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "front/device.hpp"
#include "front/lent_page.hpp"
#include "io/netif.h"
#include "ring/front_ring.hpp"

namespace rf::front {

using MacAddress = std::array<std::uint8_t, 6>;

/// The address in "00:16:3e:12:34:56".
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text);

class NetworkCard {
public:
    /// What is known of a frame's TCP or UDP checksum.
    enum class Checksum {
        /// In the frame; nobody has verified it.
        complete,
        /// Verified, or from a sender whose memory we trust as our own.
        known_good,
        /// The field holds the pseudo header's sum only. Received, it means `known_good` too.
        blank
    };
    enum class Sent { yes, ring_full, link_down, bad_size };
    struct Frame {
        std::span<const std::byte> bytes;
        Checksum checksum;
    };

    explicit NetworkCard(Doors doors) : device_(doors) {}
    NetworkCard(const NetworkCard&) = delete;

    [[nodiscard]] static Result<std::uint64_t> first_number(StoreClient& store) { return Device::first_number(store, "vif"); }

    /// Finds card `number` and reads its address. Errors: of the store, EINVAL if there is no usable address.
    [[nodiscard]] Result<void> open(std::uint64_t number);
    /// Takes the step that the backend's state asks for; to be called whenever `changed`. Errors: of the store, EOPNOTSUPP for a
    /// backend that cannot copy, ENOMEM, ENOSPC; ENODEV when the card has ended without `close`.
    [[nodiscard]] Result<void> advance();
    /// Takes leave of the backend and takes every page back. ETIMEDOUT after 30 s.
    [[nodiscard]] Result<void> close();

    [[nodiscard]] const MacAddress& address() const { return address_; }
    /// Whether both halves are connected: frames can be sent.
    [[nodiscard]] bool up() const { return phase_ == Phase::up; }
    /// Whether `advance` has something to look at.
    [[nodiscard]] bool changed();
    /// Whether there is nothing to receive and nothing to advance; asks for an event when that changes. Fit for a wait's condition.
    [[nodiscard]] bool may_sleep();

    /// Puts one frame into the ring; `flush` shows it to the backend.
    [[nodiscard]] Sent send(std::span<const std::byte> frame, Checksum checksum);
    /// Copies the next received frame into `room`, of which it uses at most frame_limit bytes. Nothing if none has come.
    [[nodiscard]] std::optional<Frame> receive(std::span<std::byte> room);
    /// Shows what was put into both rings since the last time, with one event at most.
    void flush();

    /// Received frames that were dropped: errors, too long, or of kinds that we did not offer to take.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

    static constexpr std::size_t frame_limit = 1514;
    static constexpr std::uint32_t receive_buffers = 64;
    static constexpr std::uint32_t transmit_buffers = 32;  ///< as many as a word has bits

private:
    enum class Phase { absent, waiting, told, up, leaving, ended };

    /// What exists from `waiting` to the end of `leaving`.
    struct Link {
        LentPage transmit_page;
        LentPage receive_page;
        std::array<LentPage, transmit_buffers> transmit_buffer;
        std::array<LentPage, receive_buffers> receive_buffer;
        ring::FrontRing<sizeof(xen::netif_tx_sring_entry)> transmit;
        ring::FrontRing<sizeof(xen::netif_rx_sring_entry)> receive;
        Port port = 0;
        /// One bit for each transmit buffer that the backend has.
        std::uint32_t in_flight = 0;
        /// Free-running: request n uses buffer n mod receive_buffers, and responses come in the requests' order.
        std::uint32_t posted = 0;
        std::uint32_t taken = 0;
        bool inside_packet = false;
        bool extra_follows = false;
        bool broken = false;
    };

    [[nodiscard]] Result<void> connect();
    [[nodiscard]] Result<void> lend_pages();
    [[nodiscard]] Result<void> tell_backend();
    [[nodiscard]] Result<void> lose(xen::xenbus_state backend);
    [[nodiscard]] Result<void> come_back(xen::xenbus_state backend);
    [[nodiscard]] Result<void> await_backend();
    void unlink();
    [[nodiscard]] bool rings_broken() const;

    void post_buffer();
    void reap_sent();
    /// The bytes of one response that is a whole packet; empty if it is to be dropped.
    [[nodiscard]] std::span<const std::byte> frame_of(const xen::netif_rx_response& response, std::uint32_t buffer);

    static constexpr unsigned refusal_limit = 3;

    Device device_;
    MacAddress address_{};
    Phase phase_ = Phase::absent;
    std::optional<Link> link_;
    unsigned refusals_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace rf::front
