// SPDX-License-Identifier: MIT
#pragma once
/// The process's one io_uring: disk operations and readiness of descriptors, submitted and awaited with a single system call
/// per round. After `restrict` the kernel refuses every operation on the ring but the ones used here.

#include <chrono>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <liburing.h>

#include "block/disk_io.hpp"
#include "xen/error.hpp"

namespace rf::backd {

template <class T>
using Result = xen::Result<T>;

class Reactor final : public block::DiskIo {
public:
    Reactor() = default;
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    ~Reactor() override;

    [[nodiscard]] Result<void> open();
    /// Allows the ring its few operations and starts it. Call once, before anything else.
    [[nodiscard]] Result<void> restrict();

    void start(const block::DiskOperation& operation) override;
    /// Lets the next `wait` end when `descriptor` is readable. Fires once; no effect if it is armed already.
    void arm(int descriptor);
    /// Forgets a descriptor that is about to be closed; without it the kernel would keep the file open.
    void forget(int descriptor);

    /// Waits until something is done or readable, at most until `timeout` has passed (0: only looks). Hands completions to
    /// their clients and returns the descriptors that became readable.
    [[nodiscard]] Result<std::vector<int>> wait(std::chrono::microseconds timeout);

private:
    struct Pending {
        block::DiskClient* client = nullptr;  ///< none: a descriptor's readiness
        std::uint32_t cookie = 0;
        int descriptor = -1;
    };

    [[nodiscard]] io_uring_sqe& next_entry();
    [[nodiscard]] std::uint64_t add(const Pending& pending);
    void dispatch(std::uint64_t number, int result, std::vector<int>& readable);

    io_uring ring_{};
    bool open_ = false;
    std::vector<Pending> pending_;
    std::vector<std::uint64_t> free_;
    std::unordered_map<int, std::uint64_t> armed_;
};

}  // namespace rf::backd
