// SPDX-License-Identifier: MIT
#pragma once
/// The backend's half of a request/response ring over shared pages (layout and hold-off rule: guest-abi/io/ring.h).
///
///   shared:   rsp_prod ............ req_prod      both free-running, entry i lives in slot i mod entries
///   private:  rsp_prod' ... req_cons
///             |  taken and  |  waiting  |
///             |  unanswered |           |         req_prod - rsp_prod' <= entries, always
///
/// Invariants
/// - Only copies leave: no function returns a pointer or reference into the shared pages.
/// - Each step that trusts the peer's index checks it first; an impossible one makes the ring `broken()` for good, and a
///   broken ring has no waiting requests. Nothing the peer writes makes an access leave the pages.
/// - Responses may be put in any order of requests, but never more than were taken.
/// Owner: one thread. The pages must outlive the object. Freestanding.

#include <span>

#include "io/ring.h"
#include "ring/shared_words.hpp"

namespace rf::ring {

template <std::uint32_t entry_bytes>
class BackRing {
public:
    static_assert(entry_bytes % sizeof(std::uint32_t) == 0);

    BackRing() = default;

    /// Joins a ring at the shared response index: everything that is not answered waits. Fresh rings start at zero.
    explicit BackRing(std::span<std::byte> pages) : BackRing(pages, rsp_prod_of(pages), rsp_prod_of(pages)) {}

    /// Joins a ring where an earlier backend left it, by indices which that backend kept outside the shared pages.
    BackRing(std::span<std::byte> pages, std::uint32_t req_cons, std::uint32_t rsp_prod)
        : base_(pages.data()), entries_(::xen::ring_entries(static_cast<std::uint32_t>(pages.size()), entry_bytes)),
          req_cons_(req_cons), rsp_prod_(rsp_prod), published_(rsp_prod), broken_(req_cons - rsp_prod > entries_)
    {
    }

    [[nodiscard]] std::uint32_t entries() const { return entries_; }
    /// True once the peer's index was impossible. The ring is to be abandoned.
    [[nodiscard]] bool broken() const { return broken_; }
    /// Index of the next request to take.
    [[nodiscard]] std::uint32_t req_cons() const { return req_cons_; }
    /// Index of the next response to put.
    [[nodiscard]] std::uint32_t rsp_prod() const { return rsp_prod_; }
    /// Requests taken and not answered.
    [[nodiscard]] std::uint32_t unanswered() const { return req_cons_ - rsp_prod_; }

    /// Requests that can be taken now; 0 if the ring is broken.
    [[nodiscard]] std::uint32_t waiting()
    {
        if (broken_ || base_ == nullptr)
            return 0;
        const std::uint32_t count = index(offsetof(::xen::ring_header, req_prod)).load() - req_cons_;
        if (count > entries_ - unanswered()) {
            broken_ = true;
            return 0;
        }
        return count;
    }

    /// Copies the next slot out, as whatever type lies in it. Call only when `waiting()` was not 0.
    template <Shareable T>
    [[nodiscard]] T take()
    {
        static_assert(sizeof(T) <= entry_bytes);
        return copy_out<T>(slot(req_cons_++));
    }

    /// Copies slot `request` out again without taking it; for a backend that joins after another one died.
    template <Shareable T>
    [[nodiscard]] T look(std::uint32_t request) const
    {
        static_assert(sizeof(T) <= entry_bytes);
        return copy_out<T>(slot(request));
    }

    /// Puts a response, visible after `publish`. Ignored unless a request is unanswered.
    template <Shareable T>
    void put(const T& response)
    {
        static_assert(sizeof(T) <= entry_bytes);
        if (unanswered() != 0)
            copy_in(slot(rsp_prod_++), response);
    }

    /// Shows the responses to the peer and says whether it must be notified.
    [[nodiscard]] Notify publish()
    {
        if (base_ == nullptr)
            return Notify::no;
        const std::uint32_t old = published_;
        published_ = rsp_prod_;
        index(offsetof(::xen::ring_header, rsp_prod)).store(rsp_prod_);
        full_barrier();
        return notify_needed(old, rsp_prod_, index(offsetof(::xen::ring_header, rsp_event)).load());
    }

    /// Asks for an event once `wanted` requests wait, then looks again: false if they already do.
    [[nodiscard]] bool may_sleep(std::uint32_t wanted = 1)
    {
        if (broken_ || base_ == nullptr)
            return true;
        index(offsetof(::xen::ring_header, req_event)).store(req_cons_ + wanted);
        full_barrier();
        return waiting() < wanted;
    }

private:
    static std::uint32_t rsp_prod_of(std::span<std::byte> pages)
    {
        return SharedIndex(pages.data() + offsetof(::xen::ring_header, rsp_prod)).load();
    }
    [[nodiscard]] SharedIndex index(std::size_t offset) const { return SharedIndex(base_ + offset); }
    [[nodiscard]] std::byte* slot(std::uint32_t number) const
    {
        return base_ + sizeof(::xen::ring_header) + std::size_t{number & (entries_ - 1)} * entry_bytes;
    }

    std::byte* base_ = nullptr;
    std::uint32_t entries_ = 1;
    std::uint32_t req_cons_ = 0;
    std::uint32_t rsp_prod_ = 0;
    std::uint32_t published_ = 0;
    bool broken_ = false;
};

}  // namespace rf::ring
