// SPDX-License-Identifier: MIT
#pragma once
/// The FIFO event ABI: one 32-bit word per event in pages given by the guest, sixteen queues per vCPU.
///
///     control block   head[q] -> word of port a --link--> word of port b (tail, link 0)
///     event word      PENDING 31 | MASKED 30 | LINKED 29 | BUSY 28 | link 16..0
///
/// The host only ever writes links and heads, it never follows a link: hostile words cannot make it loop or reach beyond
/// the array. Which port ends a queue is remembered in FifoQueues::tails, out of the guest's reach. A queue is touched
/// under the lock of its vCPU's FifoQueues; a port that moves between vCPUs is linked under both locks.
///
/// Pages and the object itself go away only when no channel is open, hence no sender is left (see table.hpp).

#include "event/channel.hpp"
#include "event/two_level.hpp"

namespace rf::event {

/// The domain's vCPUs by id; entries are published once.
using VcpuArray = std::array<Atomic<VcpuEvents*>, max_vcpus_per_domain>;

class Fifo {
public:
    static constexpr unsigned words_per_page = page_size / sizeof(xen::event_word_t);
    static constexpr unsigned max_pages = xen::EVTCHN_FIFO_NR_CHANNELS / words_per_page;

    explicit Fifo(VcpuArray& vcpus) : vcpus_(vcpus) {}
    /// Gives all pages back: array and control blocks. No sender is left, detach() was called, no lock is held.
    ~Fifo();
    Fifo(Fifo const&) = delete;
    Fifo& operator=(Fifo const&) = delete;

    /// Takes over the caller's writable use of `frame`, if it succeeds. Errno::einval: the place does not fit a page, or
    /// the vCPU has a block already. Under the table's lock.
    [[nodiscard]] Status map_control_block(VcpuEvents& vcpu, Mfn frame, std::uint32_t offset);
    /// Adds a page of words, taking over the caller's writable use of `frame`; yields the first port that it holds.
    /// Errno::enospc. Under the table's lock.
    [[nodiscard]] Result<Port> add_page(Mfn frame);
    /// Makes the vCPUs forget their control blocks. Under the table's lock, when no channel is open.
    void detach();

    /// Sets the pending bit and links the event unless it is masked or linked.
    [[nodiscard]] Effect set_pending(Port port, Channel& channel);
    /// Clears the mask bit; true when the event is pending: set_pending then links it.
    [[nodiscard]] bool unmask(Port port);
    void clear_pending(Port port, Channel& channel);
    [[nodiscard]] bool is_pending(Port port, Channel const& channel) const;
    /// The guest has not taken the event from its queue yet, so the port cannot serve anew.
    [[nodiscard]] bool is_busy(Port port) const;

    /// function(Mfn) for each page on which the FIFO has a writable use; for the audit, while the domain stands still.
    template <class Function>
    void for_each_frame(Function function) const
    {
        for (unsigned block = 0; block < control_count_; ++block)
            function(control_frames_[block]);
        for (unsigned page = 0; page < page_count_; ++page)
            function(frames_[page]);
    }

private:
    using Word = std::atomic_ref<xen::event_word_t>;
    [[nodiscard]] xen::event_word_t* word(Port port) const;
    [[nodiscard]] bool link(Port port, Word event, Channel& channel);
    [[nodiscard]] bool append(Port port, FifoQueues& queues, unsigned priority);

    VcpuArray& vcpus_;
    std::array<Atomic<xen::event_word_t*>, max_pages> pages_{};
    std::array<Mfn, max_pages> frames_{};
    unsigned page_count_ = 0;
    std::array<Mfn, max_vcpus_per_domain> control_frames_{};
    unsigned control_count_ = 0;
};

} // namespace rf::event
