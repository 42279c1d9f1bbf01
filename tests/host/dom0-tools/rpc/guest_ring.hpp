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
    /// Moves bytes both ways; returns whether any moved. Sets `notify` exactly when Linux would notify the store: it has
    /// filled a ring that looked empty, or emptied one that looked full.
    bool pump()
    {
        const bool wrote = write();
        return read() || wrote;
    }
    [[nodiscard]] bool is_sent() const { return unsent_.empty(); }
    [[nodiscard]] ::xen::xenstore_domain_interface& page() { return *page_; }

    std::deque<store::Message> received;
    bool notify = false;

private:
    bool write()
    {
        const std::uint32_t before = page_->req_prod;
        std::uint32_t room = sizeof page_->req - (before - page_->req_cons);
        for (; room > 0 && !unsent_.empty(); --room) {
            page_->req[page_->req_prod++ % sizeof page_->req] = unsent_[0];
            unsent_.erase(0, 1);
        }
        if (page_->req_prod != before && before == page_->req_cons)
            notify = true;
        return page_->req_prod != before;
    }
    bool read()
    {
        const std::uint32_t before = page_->rsp_cons;
        std::string bytes;
        while (page_->rsp_cons != page_->rsp_prod)
            bytes.push_back(page_->rsp[page_->rsp_cons++ % sizeof page_->rsp]);
        if (page_->rsp_prod - before >= sizeof page_->rsp)
            notify = true;
        assembler_.feed(bytes);
        for (auto message = assembler_.next(); message && *message; message = assembler_.next())
            received.push_back(std::move(**message));
        return !bytes.empty();
    }

    ::xen::xenstore_domain_interface* page_;
    std::string unsent_;
    store::Assembler assembler_;
};

}  // namespace rf::rpc
