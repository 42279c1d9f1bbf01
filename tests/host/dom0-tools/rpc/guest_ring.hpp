// SPDX-License-Identifier: MIT
#pragma once
/// The guest's side of a store ring, for tests: puts requests in, takes replies out, as Linux's xenbus driver does.

#include <deque>
#include <string>

#include "io/xs_wire.h"
#include "rpc/byte_ring.hpp"
#include "store/message.hpp"

namespace rf::rpc {

class GuestRing {
public:
    explicit GuestRing(void* page) : page_(static_cast<::xen::xenstore_domain_interface*>(page)) {}

    /// Queues a request; `pump` moves it into the ring as there is room.
    void send(const store::Message& message) { unsent_ += store::encode(message); }
    /// Moves bytes both ways. Returns whether the store must be notified.
    bool pump()
    {
        bool moved = false;
        while (!unsent_.empty() && page_->req_prod - page_->req_cons < sizeof page_->req) {
            page_->req[page_->req_prod % sizeof page_->req] = unsent_[0];
            ++page_->req_prod;
            unsent_.erase(0, 1);
            moved = true;
        }
        std::string bytes;
        while (page_->rsp_cons != page_->rsp_prod) {
            bytes.push_back(page_->rsp[page_->rsp_cons++ % sizeof page_->rsp]);
            moved = true;
        }
        assembler_.feed(bytes);
        for (auto message = assembler_.next(); message && *message; message = assembler_.next())
            received.push_back(std::move(**message));
        return moved;
    }
    [[nodiscard]] bool is_sent() const { return unsent_.empty(); }
    [[nodiscard]] ::xen::xenstore_domain_interface& page() { return *page_; }

    std::deque<store::Message> received;

private:
    ::xen::xenstore_domain_interface* page_;
    std::string unsent_;
    store::Assembler assembler_;
};

}  // namespace rf::rpc
