// SPDX-License-Identifier: MIT
#pragma once
/// The frontend's half of a request/response ring; the mirror of back_ring.hpp, with the same promises towards a backend
/// that is hostile or broken: only copies leave, impossible indices make the ring `broken()` for good.
/// Owner: one thread. The pages must outlive the object. Freestanding.

#include <span>

#include "io/ring.h"
#include "ring/shared_words.hpp"

namespace rf::ring {

template <std::uint32_t entry_bytes>
class FrontRing {
public:
    static_assert(entry_bytes % sizeof(std::uint32_t) == 0);

    FrontRing() = default;

    /// Lays an empty ring out in `pages`, which no backend sees yet.
    explicit FrontRing(std::span<std::byte> pages)
        : base_(pages.data()), entries_(::xen::ring_entries(static_cast<std::uint32_t>(pages.size()), entry_bytes))
    {
        for (std::byte& byte : pages)
            byte = std::byte{0};
        index(offsetof(::xen::ring_header, req_event)).store(1);
        index(offsetof(::xen::ring_header, rsp_event)).store(1);
    }

    [[nodiscard]] std::uint32_t entries() const { return entries_; }
    [[nodiscard]] bool broken() const { return broken_; }
    /// Slots in which a request can be put.
    [[nodiscard]] std::uint32_t free_slots() const { return broken_ ? 0 : entries_ - (req_prod_ - rsp_cons_); }

    /// Puts a request, visible after `publish`; false if no slot is free.
    template <Shareable T>
    [[nodiscard]] bool put(const T& request)
    {
        static_assert(sizeof(T) <= entry_bytes);
        if (base_ == nullptr || free_slots() == 0)
            return false;
        copy_in(slot(req_prod_++), request);
        return true;
    }

    /// Shows the requests to the backend and says whether it must be notified.
    [[nodiscard]] Notify publish()
    {
        if (base_ == nullptr)
            return Notify::no;
        const std::uint32_t old = published_;
        published_ = req_prod_;
        index(offsetof(::xen::ring_header, req_prod)).store(req_prod_);
        full_barrier();
        return notify_needed(old, req_prod_, index(offsetof(::xen::ring_header, req_event)).load());
    }

    /// Responses that can be taken now; 0 if the ring is broken.
    [[nodiscard]] std::uint32_t waiting()
    {
        if (broken_ || base_ == nullptr)
            return 0;
        const std::uint32_t count = index(offsetof(::xen::ring_header, rsp_prod)).load() - rsp_cons_;
        if (count > published_ - rsp_cons_) {
            broken_ = true;
            return 0;
        }
        return count;
    }

    /// Copies the next response out. Call only when `waiting()` was not 0.
    template <Shareable T>
    [[nodiscard]] T take()
    {
        static_assert(sizeof(T) <= entry_bytes);
        return copy_out<T>(slot(rsp_cons_++));
    }

    /// Asks for an event at the next response, then looks again: false if one waits.
    [[nodiscard]] bool may_sleep()
    {
        if (broken_ || base_ == nullptr)
            return true;
        index(offsetof(::xen::ring_header, rsp_event)).store(rsp_cons_ + 1);
        full_barrier();
        return waiting() == 0;
    }

private:
    [[nodiscard]] SharedIndex index(std::size_t offset) const { return SharedIndex(base_ + offset); }
    [[nodiscard]] std::byte* slot(std::uint32_t number) const
    {
        return base_ + sizeof(::xen::ring_header) + std::size_t{number & (entries_ - 1)} * entry_bytes;
    }

    std::byte* base_ = nullptr;
    std::uint32_t entries_ = 1;
    std::uint32_t req_prod_ = 0;
    std::uint32_t rsp_cons_ = 0;
    std::uint32_t published_ = 0;
    bool broken_ = false;
};

}  // namespace rf::ring
