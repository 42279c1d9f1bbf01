// SPDX-License-Identifier: MIT
// Story: the toolstack names a disk, and the backend's privileged side opens it, or says why not. A disk that somebody
// writes to is nobody else's, until the very last holder of the open file has gone.
#include "block/disk.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

namespace rf {
namespace {

using namespace rf::block;

class DiskFile : public testing::Test {
protected:
    std::filesystem::path directory;
    std::string image;

    void SetUp() override
    {
        char name[] = "/tmp/rf-disk-XXXXXX";
        directory = ::mkdtemp(name);
        image = directory / "image";
        std::ofstream(image) << std::string(1024 * 1024 + 100, 'x');
    }
    void TearDown() override { std::filesystem::remove_all(directory); }
    DiskOrder order(std::string_view mode) { return *parse_order(image, "file", mode, ""); }
};

TEST(DiskOrder, ReadsTheNodes)
{
    const auto plain = parse_order("/a/b", "file", "w", "");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->path, "/a/b");
    EXPECT_EQ(plain->kind, DiskOrder::Kind::file);
    EXPECT_EQ(plain->discard, DiskOrder::Discard::if_possible);
    const auto other = parse_order("aio:/dev/vg/x", "phy", "r", "0");
    ASSERT_TRUE(other);
    EXPECT_EQ(other->path, "/dev/vg/x");
    EXPECT_EQ(other->kind, DiskOrder::Kind::block_device);
    EXPECT_EQ(other->access, xen::Access::read_only);
    EXPECT_EQ(other->discard, DiskOrder::Discard::no);
    EXPECT_EQ(parse_order("/a", "qdisk", "w!", "")->sharing, DiskOrder::Sharing::shared);
    EXPECT_FALSE(parse_order("relative", "file", "w", ""));
    EXPECT_FALSE(parse_order("", "file", "w", ""));
    EXPECT_FALSE(parse_order("/a", "file", "", ""));
    EXPECT_FALSE(parse_order("/a", "file", "rw", ""));
}

TEST_F(DiskFile, IsMeasuredInWholeSectors)
{
    const auto disk = open_disk(order("w"));
    ASSERT_TRUE(disk) << disk.error().text();
    EXPECT_EQ(disk->facts.sectors, 2048u);
    EXPECT_EQ(disk->facts.sector_size, 512u);
    EXPECT_NE(disk->facts.discard_granularity, 0u);
    EXPECT_EQ(disk->facts.read_only, 0u);
}

TEST_F(DiskFile, HasOneWriterOrSeveralReaders)
{
    auto writer = open_disk(order("w"));
    ASSERT_TRUE(writer);
    EXPECT_EQ(open_disk(order("w")).error().code, EAGAIN);
    EXPECT_EQ(open_disk(order("r")).error().code, EAGAIN);
    EXPECT_TRUE(open_disk(order("w!"))) << "unless both are said to share it";
    // Another holder of the same open file, as I/O of a killed process is.
    const int holder = ::dup(writer->descriptor.number());
    writer = std::unexpected(xen::Error{});
    EXPECT_EQ(open_disk(order("w")).error().code, EAGAIN);
    ::close(holder);
    const auto reader = open_disk(order("r"));
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->facts.discard_granularity, 0u);
    EXPECT_TRUE(open_disk(order("r")));
    EXPECT_FALSE(open_disk(order("w")));
}

TEST_F(DiskFile, RefusesWhatIsNoDisk)
{
    EXPECT_EQ(open_disk(*parse_order((directory / "missing").string(), "file", "w", "")).error().code, ENOENT);
    EXPECT_EQ(open_disk(*parse_order(directory.string(), "file", "r", "")).error().code, EINVAL);
    EXPECT_EQ(open_disk(*parse_order("/dev/null", "file", "w", "")).error().code, EINVAL);
    EXPECT_EQ(open_disk(*parse_order(image, "block", "w", "")).error().code, EINVAL);
    std::ofstream(directory / "empty");
    EXPECT_EQ(open_disk(*parse_order((directory / "empty").string(), "file", "w", "")).error().code, EINVAL);
}

}  // namespace
}  // namespace rf
