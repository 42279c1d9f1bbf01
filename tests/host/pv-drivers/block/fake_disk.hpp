// SPDX-License-Identifier: MIT
#pragma once
/// A disk in memory that does operations when told, in any order, whole or in parts, well or not.

#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

#include "block/disk_io.hpp"

namespace rf::test {

class FakeDisk final : public block::DiskIo {
public:
    explicit FakeDisk(std::size_t sectors) : bytes(sectors * 512) {}

    std::vector<std::byte> bytes;
    std::vector<block::DiskOperation> waiting;
    /// Sequence of operations as they were carried out: r, w, s (sync), d (discard).
    std::string story;
    /// The error that the next operation gets, if not 0.
    int next_error = 0;
    /// Transfers end after at most so many bytes.
    std::size_t longest_transfer = SIZE_MAX;

    void start(const block::DiskOperation& operation) override { waiting.push_back(operation); }

    /// Carries out one waiting operation.
    void run_one(std::size_t index = 0)
    {
        const block::DiskOperation operation = waiting[index];
        waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(index));
        const long result = next_error != 0 ? -std::exchange(next_error, 0) : carry_out(operation);
        operation.client->completed(operation.cookie, result);
    }
    void run_all()
    {
        while (!waiting.empty())
            run_one();
    }

private:
    long carry_out(const block::DiskOperation& operation)
    {
        using enum block::DiskOperation::Kind;
        switch (operation.kind) {
        case sync: story += 's'; return 0;
        case discard:
            story += 'd';
            std::memset(bytes.data() + operation.offset, 0, operation.length);
            return 0;
        case read: story += 'r'; break;
        case write: story += 'w'; break;
        }
        const std::size_t done = std::min({operation.buffer.size(), longest_transfer, bytes.size() - operation.offset});
        std::byte* const at = bytes.data() + operation.offset;
        if (operation.kind == read)
            std::memcpy(operation.buffer.data(), at, done);
        else
            std::memcpy(at, operation.buffer.data(), done);
        return static_cast<long>(done);
    }
};

}  // namespace rf::test
