// SPDX-License-Identifier: MIT
#pragma once
/// One ring of a virtual disk: takes requests, carries them out, answers.
///
///   slot --copy--> parse --> [barrier: wait until alone] --> buffers --> [preflush] --> transfer --> [postflush] --> answer
///                    |            writes: guest -> buffers before the transfer; reads: buffers -> guest after it
///                    '-- refused: answered at once
///
/// Guest pages are reached by hypervisor copies, one batch per turn; whether the frontend keeps its grants makes no
/// difference. Everything the guest can make this object hold is bounded: entries of the ring, pages of the pool.
/// Owner: one thread. `Doors` and the pool outlive the queue; the queue outlives its I/O (`at_rest`).

#include <deque>
#include <optional>
#include <utility>

#include "block/buffer_pool.hpp"
#include "block/failure.hpp"
#include "block/journal.hpp"
#include "block/request.hpp"
#include "ring/back_ring.hpp"
#include "xen/event_channels.hpp"
#include "xenbus/guest_copy.hpp"

namespace rf::block {

/// What all queues of a process share.
struct Doors {
    xen::GrantMapper& grants;
    xen::EventChannels& events;
    BufferPool& buffers;
    DiskIo& disk;
};

/// What a frontend told of one queue, mapped and bound.
struct QueueConnection {
    xen::GrantMapping pages;
    xen::LocalPort port;
};

class Queue final : public DiskClient {
public:
    Queue(Doors doors, xen::DomainId domain, int disk, const DiskFacts& facts, QueueConnection connection, QueueJournal journal);

    /// Begins at the ring's own indices with an empty journal.
    void start_fresh();
    /// Whether the journal's writer can be succeeded. EBADMSG if what it left makes no sense.
    [[nodiscard]] Result<void> check_journal() const;
    /// Begins where the journal's writer died: carries out again what was unanswered, publishes what was answered. The
    /// journal must have been checked.
    void resume();

    /// Whether there is more to do without waiting for anything.
    enum class More { no, yes };
    /// Does all that can be done now and tells the frontend.
    [[nodiscard]] More turn();
    /// After a turn: requests wait for buffers or to be alone; buffers were given back, perhaps too late for another queue.
    [[nodiscard]] bool waits() const { return !waiting_.empty(); }
    [[nodiscard]] bool gave_back() const { return gave_back_; }
    /// Whether requests were taken since the last call.
    [[nodiscard]] bool worked() { return std::exchange(worked_, false); }
    /// Takes no more requests from now on.
    void stop() { stopped_ = true; }
    /// Nothing is under way.
    [[nodiscard]] bool at_rest() const { return under_way_ == 0; }
    [[nodiscard]] xen::LocalPort port() const { return connection_.port; }
    /// What the disk failed at since the last call, if anything: the first of it.
    [[nodiscard]] std::optional<DiskFailure> take_failure() { return std::exchange(failure_, {}); }
    /// The frontend's indices were impossible; nothing is taken any more.
    [[nodiscard]] bool broken() const { return ring_.broken(); }

    void completed(std::uint32_t cookie, long result) override;

private:
    using Ring = ring::BackRing<sizeof(::xen::blkif_sring_entry)>;

    enum class Stage : std::uint8_t { waiting, preflush, transfer, postflush };

    /// A request under way; its number is also its entry in the journal.
    struct Job {
        Request request;
        Stage stage = Stage::waiting;
        bool started = false;
        bool failed = false;
        std::uint8_t retries = 0;
        BufferPool::Run run;
        std::span<std::byte> data;  ///< of the run: all segments, one behind the other
        std::size_t done = 0;       ///< bytes of `data` that the disk has transferred
    };

    void begin(std::uint32_t number, const RawRequest& raw);
    [[nodiscard]] bool can_take() const;
    [[nodiscard]] Verdict fetch_indirect(Request& request);
    /// Starts a parsed request, or leaves it waiting; false if it must wait.
    [[nodiscard]] bool try_start(std::uint32_t number);
    /// Gives a job its buffer; false if there is none now.
    [[nodiscard]] bool place(Job& job);
    /// Calls `copy(segment, its part of the buffer)` for each segment.
    template <class Copy>
    static void for_segments(const Job& job, Copy&& copy);
    void gather(std::uint32_t number);
    void scatter(std::uint32_t number);
    void run_copies();
    void advance(std::uint32_t number);
    void remember_failure(const Job& job, long result);
    void start_transfer(std::uint32_t number);
    void start_simple(std::uint32_t number, DiskOperation::Kind kind);
    void finish(std::uint32_t number, std::int16_t status);
    void publish();

    Doors doors_;
    xen::DomainId domain_;
    int disk_;
    DiskFacts facts_;
    QueueConnection connection_;
    QueueJournal journal_;
    Ring ring_;
    xenbus::GuestCopy copies_;

    std::vector<Job> jobs_;
    std::vector<std::uint32_t> free_jobs_;
    std::vector<std::uint32_t> answered_;      ///< free after the next publish
    std::deque<std::uint32_t> waiting_;        ///< for buffers, or to be alone, in order
    std::vector<std::uint32_t> gathering_;     ///< start after the copies ran
    std::vector<std::uint32_t> scattering_;    ///< finish after the copies ran
    std::uint32_t under_way_ = 0;              ///< jobs neither free nor answered
    std::uint32_t started_ = 0;                ///< of these, started
    std::optional<DiskFailure> failure_;
    bool barrier_ = false;                     ///< a barrier is being carried out
    bool stopped_ = false;
    bool worked_ = false;
    bool gave_back_ = false;
};

}  // namespace rf::block
