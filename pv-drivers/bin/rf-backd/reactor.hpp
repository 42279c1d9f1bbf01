// SPDX-License-Identifier: MIT
#pragma once
/// The process's one io_uring: disk operations, packets and readiness of descriptors, submitted and awaited with a single
/// system call per round. After `restrict` the kernel refuses every operation on the ring but the ones used here.
///
/// Memory that is used again and again is pinned once as many bytes have passed through it as it holds: the kernel then
/// copies by its own addresses, which is cheaper. A kernel that refuses to pin is asked no more; all works without.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <liburing.h>

#include "block/disk_io.hpp"
#include "net/packet_io.hpp"
#include "xen/error.hpp"

namespace rf::backd {

template <class T>
using Result = xen::Result<T>;

class Reactor final : public block::DiskIo, public net::PacketIo {
public:
    Reactor() = default;
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    ~Reactor() override;

    [[nodiscard]] Result<void> open();
    /// Tells of memory that operations will use; it outlives this object. Call between `open` and `restrict`.
    void offer(std::span<std::byte> area) { areas_.push_back({area}); }
    /// Allows the ring its few operations and starts it. Call once, before anything else.
    [[nodiscard]] Result<void> restrict();

    [[nodiscard]] std::size_t pinned_areas() const;

    void start(const block::DiskOperation& operation) override;
    /// Large packets, and several to be written, go through the ring if their memory is pinned; others by plain system calls.
    void read(int descriptor, std::span<net::Transfer> transfers, net::ExpectedPackets expected) override;
    void write(int descriptor, std::span<net::Transfer> transfers) override;
    /// Lets the next `wait` end when `descriptor` is readable, also if it is so already. Fires once; no effect if it is armed.
    void arm(int descriptor);
    /// Forgets a descriptor that is about to be closed; without it the kernel would keep the file open.
    void forget(int descriptor);

    /// Waits until something is done or readable, at most until `timeout` has passed (0: only looks). Hands completions to
    /// their clients and returns the descriptors that became readable, valid until the next wait.
    [[nodiscard]] Result<std::span<const int>> wait(std::chrono::microseconds timeout);

private:
    struct Pending {
        block::DiskClient* client = nullptr;  ///< none: a descriptor's readiness
        std::uint32_t cookie = 0;
        int descriptor = -1;
    };
    /// What is armed; few, so they are found by looking at all.
    struct Armed {
        int descriptor;
        std::uint64_t number;
    };
    /// Offered memory.
    struct Area {
        std::span<std::byte> bytes;
        std::size_t passed = 0;  ///< bytes moved through it while it was not pinned
        enum class State { usual, pinned, refused } state = State::usual;
    };

    /// The offered memory that `buffer` lies in, if any.
    [[nodiscard]] Area* area_of(std::span<const std::byte> buffer);
    /// Counts a use; the memory is pinned when that has paid for itself. The number by which the kernel knows it, if it is pinned.
    [[nodiscard]] std::optional<int> pinned(Area* area, std::size_t bytes);
    void pin(Area& area);
    [[nodiscard]] io_uring_sqe& next_entry();
    void cancel(std::span<const net::Transfer> transfers);
    [[nodiscard]] std::uint64_t add(const Pending& pending);
    void dispatch(const io_uring_cqe& completion);
    /// Reads as many as `transfers` by the ring; those that got a packet come first.
    void read_pinned(int descriptor, std::span<net::Transfer> transfers, int memory);
    using Prepare = void (*)(io_uring_sqe*, int descriptor, std::span<std::byte> buffer, int memory);
    /// Has the ring carry out transfers at once, and takes their completions. What would have to wait is cancelled.
    void carry(int descriptor, std::span<net::Transfer> transfers, int memory, Prepare prepare);

    io_uring ring_{};
    bool open_ = false;
    std::vector<Pending> pending_;
    std::vector<std::uint64_t> free_;
    std::vector<Armed> armed_;
    std::vector<int> readable_;
    std::vector<Area> areas_;
    std::vector<io_uring_cqe> late_;  ///< completions of others that came while packets were carried
};

}  // namespace rf::backd
