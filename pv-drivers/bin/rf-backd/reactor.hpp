// SPDX-License-Identifier: MIT
#pragma once
/// The process's one io_uring: disk operations and readiness of descriptors, submitted and awaited with a single system call
/// per round. After `restrict` the kernel refuses every operation on the ring but the ones used here.

#include <chrono>
#include <cstdint>
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
    void arm(int descriptor) { arm(descriptor, Fires::once); }
    /// The same for one that fires again each time it becomes readable anew; it must be read empty each time.
    void keep_armed(int descriptor) { arm(descriptor, Fires::always); }
    /// Forgets a descriptor that is about to be closed; without it the kernel would keep the file open.
    void forget(int descriptor);

    /// Waits until something is done or readable, at most until `timeout` has passed (0: only looks). Hands completions to
    /// their clients and returns the descriptors that became readable.
    [[nodiscard]] Result<std::vector<int>> wait(std::chrono::microseconds timeout);

private:
    enum class Fires { once, always };

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

    [[nodiscard]] io_uring_sqe& next_entry();
    [[nodiscard]] std::uint64_t add(const Pending& pending);
    void arm(int descriptor, Fires fires);
    void dispatch(const io_uring_cqe& completion, std::vector<int>& readable);

    io_uring ring_{};
    bool open_ = false;
    std::vector<Pending> pending_;
    std::vector<std::uint64_t> free_;
    std::vector<Armed> armed_;
};

}  // namespace rf::backd
