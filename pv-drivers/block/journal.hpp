// SPDX-License-Identifier: MIT
#pragma once
/// What a backend must know of its ring after it was killed. Responses may leave in another order than requests came, and a
/// response overwrites a slot; so the shared ring alone does not tell which requests are unanswered. The journal does: a
/// file in memory (tmpfs) that outlives the process, with a copy of every request under way.
///
///   take:    entry := request, sequence; active      then  req_cons moves       (until then the entry does not count)
///   answer:  entry := answered as response n         then  response n is put into its slot
///   publish: rsp_prod moves                          then  the shared index moves
///   release: entry free; an answer that nobody looks at any more must not be compared with indices that went once around
///
/// Whatever instruction the process dies at, a request is either unanswered here and gets carried out (again), or answered
/// and published; a published response is never repeated. Invariant between calls:
///   entries that count as unanswered = req_cons - rsp_prod.
/// The stores are ordered by the program alone: the reader comes after the writer's death.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "block/request.hpp"

namespace rf::block {

/// The part of a journal that belongs to one queue.
class QueueJournal {
public:
    QueueJournal() = default;
    explicit QueueJournal(std::span<std::byte> memory) : memory_(memory) {}

    /// Bytes for a queue of so many entries.
    [[nodiscard]] static std::size_t bytes(std::uint32_t entries);

    /// Begins anew for a ring of `entries` whose indices stand at `index`.
    void reset(std::uint32_t entries, std::uint32_t index);
    /// Notes the request with ring index `sequence` in a free entry.
    void take(std::uint32_t entry, std::uint32_t sequence, const RawRequest& raw);
    /// Counts an entry of the writer that died as unanswered again, whatever response it was about to get.
    void reopen(std::uint32_t entry);
    /// Notes that response `index` answers the entry.
    void answer(std::uint32_t entry, std::uint32_t index);
    /// Notes that all responses before `rsp_prod` are the frontend's.
    void publish(std::uint32_t rsp_prod);
    /// Frees an entry whose response is the frontend's.
    void release(std::uint32_t entry);

    struct Unanswered {
        std::uint32_t entry;
        RawRequest raw;
    };
    struct Recovered {
        std::uint32_t req_cons = 0;
        std::uint32_t rsp_prod = 0;
        std::vector<Unanswered> requests;
    };
    /// What a dead process left for a ring of `entries`. EBADMSG if the journal contradicts itself or the ring.
    [[nodiscard]] Result<Recovered> recover(std::uint32_t entries) const;

private:
    [[nodiscard]] std::byte* entry(std::uint32_t number) const;

    std::span<std::byte> memory_;
};

}  // namespace rf::block
