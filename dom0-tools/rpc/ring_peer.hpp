// SPDX-License-Identifier: MIT
#pragma once
/// A domain's store ring as a Peer. Requests are taken with a private index; the page is told (and the domain notified) only
/// after the journal holds what they caused, so that a store killed in between reads them again. A domain that breaks the
/// protocol gets an error code in its page and is not served any more.

#include <functional>

#include "io/xs_wire.h"
#include "rpc/byte_ring.hpp"
#include "rpc/peer.hpp"
#include "rpc/shared_page.hpp"

namespace rf::rpc {

class RingPeer final : public Peer {
public:
    using Notify = std::function<void()>;
    /// Where a ring is taken up.
    enum class Start {
        fresh,     ///< at the indices found in the page; the server is told of them
        restored,  ///< where the journal says
    };

    RingPeer(SharedPage page, store::ConnectionId connection, store::Server& server, Start start, Notify notify);

    Work take_requests(store::Server& server, unsigned budget) override;
    Work send_replies(store::Server& server) override;

    /// Whether the domain has broken the protocol.
    [[nodiscard]] bool is_broken() const { return broken_; }

private:
    void break_off(std::uint32_t error);
    void reconnect(store::Server& server);
    [[nodiscard]] bool next_request(store::Server& server);

    SharedPage page_;
    ::xen::xenstore_domain_interface* interface_;
    RingReader requests_;
    RingWriter replies_;
    store::Assembler assembler_;
    Notify notify_;
    std::uint32_t recorded_;  ///< request index the server knows
    bool broken_ = false;
    bool notify_needed_ = false;
};

}  // namespace rf::rpc
