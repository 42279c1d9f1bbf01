// SPDX-License-Identifier: MIT
#pragma once
/// A disk that expects whole transfers within itself, and no writes if it is read-only.

#include <gtest/gtest.h>

#include "block/disk.hpp"
#include "block/fake_disk.hpp"

namespace rf::test {

class WatchedDisk final : public block::DiskIo {
public:
    explicit WatchedDisk(const block::DiskFacts& facts) : facts_(facts), disk_(facts.sectors) {}

    void start(const block::DiskOperation& operation) override
    {
        const bool transfer = operation.kind == block::DiskOperation::Kind::read || operation.kind == block::DiskOperation::Kind::write;
        std::uint64_t bytes = operation.kind == block::DiskOperation::Kind::discard ? operation.length : 0;
        if (transfer) {
            bytes = operation.buffer.size();
            EXPECT_EQ(bytes % facts_.sector_size, 0u);
        }
        EXPECT_LE(operation.offset, facts_.sectors * 512);
        EXPECT_LE(bytes, facts_.sectors * 512 - operation.offset);
        if (operation.kind != block::DiskOperation::Kind::sync) {
            EXPECT_EQ(operation.offset % facts_.sector_size, 0u);
            EXPECT_GT(bytes, 0u);
        }
        if (facts_.read_only != 0) {
            EXPECT_TRUE(operation.kind == block::DiskOperation::Kind::read || operation.kind == block::DiskOperation::Kind::sync);
        }
        ++operations;
        disk_.start(operation);
    }
    void run_all() { disk_.run_all(); }
    /// Carries out the first that waits, with that error if it is not 0.
    void run_one(int error)
    {
        disk_.next_error = error;
        disk_.run_one();
    }
    /// Forgets what waits, as when the process dies that asked for it.
    void forget() { disk_.waiting.clear(); }
    [[nodiscard]] bool idle() const { return disk_.waiting.empty(); }

    unsigned operations = 0;

private:
    block::DiskFacts facts_;
    FakeDisk disk_;
};

}  // namespace rf::test
