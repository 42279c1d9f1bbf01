// SPDX-License-Identifier: MIT
#pragma once
/// Asynchronous disk operations, as an interface: programs put io_uring behind it, tests a disk that fails on demand.

#include <cstddef>
#include <cstdint>
#include <span>

namespace rf::block {

/// Who started an operation, and hears of its end.
class DiskClient {
public:
    virtual ~DiskClient() = default;
    /// `result`: bytes transferred (0 for sync and discard), or a negative errno. Never called from within `DiskIo::start`.
    virtual void completed(std::uint32_t cookie, long result) = 0;
};

struct DiskOperation {
    enum class Kind { read, write, sync, discard };

    Kind kind = Kind::read;
    int descriptor = -1;
    std::uint64_t offset = 0;          ///< bytes from the start of the disk
    std::uint64_t length = 0;          ///< of a discard, bytes
    std::span<std::byte> buffer = {};  ///< of a transfer; stays until completion
    DiskClient* client = nullptr;
    std::uint32_t cookie = 0;
};

class DiskIo {
public:
    virtual ~DiskIo() = default;
    /// Starts the operation, at the latest when the loop is entered again.
    virtual void start(const DiskOperation& operation) = 0;
};

}  // namespace rf::block
