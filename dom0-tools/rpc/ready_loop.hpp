// SPDX-License-Identifier: MIT
#pragma once
/// Waits until descriptors are ready and tells their handlers: one system call per round and none between rounds, for readiness is
/// reported again and again until it is used up (level-triggered epoll). Single-threaded; does not own the descriptors.

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "xen/descriptor.hpp"

namespace rf::rpc {

class ReadyLoop {
public:
    /// What a descriptor is watched for. That its other end is gone is always told.
    enum class Interest : std::uint8_t { none = 0, read = 1, write = 2, both = 3 };
    /// Must not forget descriptors, nor add any: it takes note, and what it noted is worked off after the round.
    using Handler = std::function<void()>;

    [[nodiscard]] static xen::Result<ReadyLoop> create();

    [[nodiscard]] xen::Result<void> watch(int descriptor, Interest interest, Handler handler);
    /// For a watched descriptor; cannot fail.
    void change(int descriptor, Interest interest);
    /// Before the descriptor is closed.
    void forget(int descriptor);

    /// Waits until something is ready, at most `limit` (0: only looks; negative: for ever), and calls the handlers. How many
    /// there were; 0 also after a signal.
    unsigned wait(std::chrono::milliseconds limit);

private:
    explicit ReadyLoop(xen::Descriptor poller) : poller_(std::move(poller)) {}

    xen::Descriptor poller_;
    std::vector<Handler> handlers_;  ///< by descriptor
};

}  // namespace rf::rpc
