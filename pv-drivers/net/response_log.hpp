// SPDX-License-Identifier: MIT
#pragma once
/// What a network ring needs to survive its backend. Responses leave in the order of requests, so after a death everything
/// that is not answered is simply done again; but a response overwrites its request's slot before the index shows it. So a
/// batch of responses is written here first, in memory that outlives the process:
///
///   position p, count 0  --batch written-->  p, n  --slots written, index published-->  p + n, count 0
///
/// (p, n) is one 64-bit word. A successor that finds n != 0 writes the batch again, unless the shared index stands at p + n.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "ring/back_ring.hpp"

namespace rf::net {

template <class Response, std::uint32_t capacity>
class ResponseLog {
public:
    static constexpr std::size_t bytes = 64 + capacity * sizeof(Response);

    ResponseLog() = default;
    explicit ResponseLog(std::span<std::byte> memory) : memory_(memory) {}

    /// Forgets everything; responses go on at `position`.
    void reset(std::uint32_t position) { store(position, 0); }

    /// Puts `responses` into the ring and publishes them, so that they are seen exactly once whenever this process dies.
    template <std::uint32_t entry_bytes>
    [[nodiscard]] ring::Notify publish(ring::BackRing<entry_bytes>& ring, std::span<const Response> responses)
    {
        const std::uint32_t position = ring.rsp_prod();
        std::memcpy(entry(0), responses.data(), responses.size_bytes());  // ours: nobody else looks at it while we live
        store(position, static_cast<std::uint32_t>(responses.size()));
        for (const Response& response : responses)
            ring.put(response);
        const ring::Notify notify = ring.publish();
        store(ring.rsp_prod(), 0);
        return notify;
    }

    /// Joins the ring in `pages` where the log's writer left it.
    template <std::uint32_t entry_bytes>
    [[nodiscard]] ring::BackRing<entry_bytes> recover(std::span<std::byte> pages)
    {
        const std::uint64_t word = std::atomic_ref(*head()).load(std::memory_order_acquire);
        const auto position = static_cast<std::uint32_t>(word);
        const auto count = std::min(static_cast<std::uint32_t>(word >> 32), capacity);
        const std::uint32_t shown = ring::BackRing<entry_bytes>(pages).rsp_prod();
        if (shown == position + count) {
            reset(shown);
            return ring::BackRing<entry_bytes>(pages, shown, shown);
        }
        ring::BackRing<entry_bytes> ring(pages, position + count, position);
        for (std::uint32_t i = 0; i < count; ++i)
            ring.put(ring::copy_out<Response>(entry(i)));
        (void)ring.publish();
        reset(position + count);
        return ring;
    }

private:
    [[nodiscard]] std::uint64_t* head() const { return reinterpret_cast<std::uint64_t*>(memory_.data()); }
    [[nodiscard]] std::byte* entry(std::size_t index) const { return memory_.data() + 64 + index * sizeof(Response); }
    void store(std::uint32_t position, std::uint32_t count)
    {
        std::atomic_ref(*head()).store(std::uint64_t{count} << 32 | position, std::memory_order_release);
    }

    std::span<std::byte> memory_;
};

}  // namespace rf::net
