// SPDX-License-Identifier: MIT
// Story: a guest writes whatever it likes into a slot.
//
// Good requests come out as what they ask for. Each way of going wrong is refused with its own status, and a hundred
// thousand random slots never yield a request that leaves its pages or the disk.
#include "block/request.hpp"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

namespace rf {
namespace {

using namespace rf::block;

constexpr DiskFacts disk{.sectors = 1000, .discard_granularity = 4096};
constexpr DiskFacts read_only{.sectors = 1000, .read_only = 1};
constexpr DiskFacts large_sectors{.sectors = 1000, .sector_size = 4096};

RawRequest raw(std::uint8_t operation, std::uint64_t sector, std::initializer_list<RawSegment> segments)
{
    RawRequest request{};
    request.operation = operation;
    request.nr_segments = static_cast<std::uint8_t>(segments.size());
    request.id = 42;
    request.sector_number = sector;
    std::copy(segments.begin(), segments.end(), request.seg);
    return request;
}

template <class T>
RawRequest raw_of(const T& other)
{
    RawRequest request{};
    std::memcpy(&request, &other, sizeof other);
    return request;
}

int status(const RawRequest& slot, const DiskFacts& facts = disk)
{
    Request request;
    const auto verdict = parse(slot, facts, request);
    return verdict ? 0 : verdict.error().status;
}

TEST(BlockRequest, ReadsWhatIsAsked)
{
    Request request;
    ASSERT_TRUE(parse(raw(::xen::BLKIF_OP_READ, 8, {{17, 0, 7}, {18, 2, 3}}), disk, request));
    EXPECT_EQ(request.id, 42u);
    EXPECT_EQ(request.operation, ::xen::BLKIF_OP_READ);
    EXPECT_EQ(request.action, Action::read);
    EXPECT_EQ(request.first_sector, 8u);
    EXPECT_EQ(request.sectors, 10u);
    ASSERT_EQ(request.segments.size(), 2u);
    EXPECT_EQ(request.segments[1].page, rf::xen::GrantRef(18));
    EXPECT_EQ(request.segments[1].offset, 1024);
    EXPECT_EQ(request.segments[1].bytes, 1024);
}

TEST(BlockRequest, KnowsEveryOperation)
{
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_WRITE, 0, {{1, 0, 7}})), 0);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_WRITE_BARRIER, 0, {{1, 0, 7}})), 0);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_WRITE_BARRIER, 0, {})), 0);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_FLUSH_DISKCACHE, ~0ull, {})), 0) << "a flush without data names no sectors";
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_FLUSH_DISKCACHE, 0, {{1, 0, 7}})), 0);
    for (const int unknown : {4, 7, 255})
        EXPECT_EQ(status(raw(static_cast<std::uint8_t>(unknown), 0, {{1, 0, 7}})), ::xen::BLKIF_RSP_EOPNOTSUPP);
}

TEST(BlockRequest, RefusesSegmentsThatAreNone)
{
    constexpr int error = ::xen::BLKIF_RSP_ERROR;
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {})), error);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {{1, 3, 2}})), error);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {{1, 0, 8}})), error);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {{1, 255, 255}})), error);
    RawRequest many = raw(::xen::BLKIF_OP_READ, 0, {{1, 0, 0}});
    many.nr_segments = 12;
    EXPECT_EQ(status(many), error);
    many.nr_segments = 255;
    EXPECT_EQ(status(many), error);
}

TEST(BlockRequest, RefusesWhatIsBeyondTheDisk)
{
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 992, {{1, 0, 7}})), 0);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 993, {{1, 0, 7}})), ::xen::BLKIF_RSP_ERROR);
    for (const std::uint64_t sector : {1000ull, 1001ull, ~0ull, ~0ull - 7, 1ull << 63, 1ull << 55})
        EXPECT_EQ(status(raw(::xen::BLKIF_OP_WRITE, sector, {{1, 0, 7}})), ::xen::BLKIF_RSP_ERROR) << sector;
}

TEST(BlockRequest, RefusesWhatTheDiskDoesNotAllow)
{
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {{1, 0, 7}}), read_only), 0);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_WRITE, 0, {{1, 0, 7}}), read_only), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {{1, 0, 7}}), large_sectors), 0);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 1, {{1, 0, 7}}), large_sectors), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw(::xen::BLKIF_OP_READ, 0, {{1, 0, 3}, {2, 4, 7}}), large_sectors), ::xen::BLKIF_RSP_ERROR);
}

TEST(BlockRequest, ChecksDiscards)
{
    const auto discard = [](std::uint64_t sector, std::uint64_t count, std::uint8_t flag) {
        ::xen::blkif_request_discard request{};
        request.operation = ::xen::BLKIF_OP_DISCARD;
        request.flag = flag;
        request.sector_number = sector;
        request.nr_sectors = count;
        return raw_of(request);
    };
    EXPECT_EQ(status(discard(0, 1000, 0)), 0);
    EXPECT_EQ(status(discard(0, 1001, 0)), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(discard(8, ~0ull - 4, 0)), ::xen::BLKIF_RSP_ERROR) << "the sum wraps to a small number";
    EXPECT_EQ(status(discard(0, 0, 0)), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(discard(0, 8, ::xen::BLKIF_DISCARD_SECURE)), ::xen::BLKIF_RSP_EOPNOTSUPP);
    EXPECT_EQ(status(discard(0, 8, 0), read_only), ::xen::BLKIF_RSP_EOPNOTSUPP);
}

::xen::blkif_request_indirect indirect(std::uint8_t operation, std::uint16_t segments)
{
    ::xen::blkif_request_indirect request{};
    request.operation = ::xen::BLKIF_OP_INDIRECT;
    request.indirect_op = operation;
    request.nr_segments = segments;
    request.id = 43;
    request.indirect_grefs[0] = 77;
    return request;
}

TEST(BlockRequest, ChecksIndirectRequestsInTwoSteps)
{
    Request request;
    ASSERT_TRUE(parse(raw_of(indirect(::xen::BLKIF_OP_WRITE, 100)), disk, request));
    EXPECT_EQ(request.operation, ::xen::BLKIF_OP_WRITE) << "the response repeats the operation within";
    EXPECT_EQ(request.id, 43u);
    EXPECT_EQ(request.indirect_page_count(), 1u);
    EXPECT_EQ(request.indirect_pages[0], rf::xen::GrantRef(77));
    std::vector<RawSegment> segments(100, RawSegment{5, 0, 7});
    EXPECT_TRUE(add_indirect(segments, disk, request));
    EXPECT_EQ(request.sectors, 800u);
    ASSERT_TRUE(parse(raw_of(indirect(::xen::BLKIF_OP_READ, 126)), disk, request));
    segments.resize(126, RawSegment{5, 0, 7});
    EXPECT_FALSE(add_indirect(segments, disk, request)) << "beyond the disk";
    EXPECT_EQ(status(raw_of(indirect(::xen::BLKIF_OP_READ, 0))), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw_of(indirect(::xen::BLKIF_OP_READ, 257))), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw_of(indirect(::xen::BLKIF_OP_READ, 65535))), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw_of(indirect(::xen::BLKIF_OP_DISCARD, 8))), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw_of(indirect(::xen::BLKIF_OP_INDIRECT, 8))), ::xen::BLKIF_RSP_ERROR);
    EXPECT_EQ(status(raw_of(indirect(::xen::BLKIF_OP_WRITE, 8)), read_only), ::xen::BLKIF_RSP_ERROR);
}

TEST(BlockRequest, RandomSlotsYieldOnlySafeRequests)
{
    std::mt19937_64 random(5);
    Request request;
    unsigned passed = 0;
    for (int i = 0; i < 200000; ++i) {
        RawRequest slot;
        auto* bytes = reinterpret_cast<unsigned char*>(&slot);
        for (std::size_t k = 0; k < sizeof slot; ++k)
            bytes[k] = static_cast<unsigned char>(random());
        slot.operation %= 8;
        if (i % 2 == 0) {
            slot.sector_number %= 2000;
            slot.nr_segments %= 16;
            for (RawSegment& segment : slot.seg) {
                segment.first_sect %= 10;
                segment.last_sect %= 10;
            }
        }
        if (!parse(slot, disk, request) || request.indirect_segments != 0)
            continue;
        ++passed;
        std::uint64_t sum = 0;
        for (const Segment& segment : request.segments) {
            ASSERT_GT(segment.bytes, 0);
            ASSERT_LE(segment.offset + segment.bytes, 4096);
            sum += segment.bytes / 512u;
        }
        ASSERT_LE(request.first_sector, disk.sectors);
        ASSERT_LE(request.first_sector + request.sectors, disk.sectors);
        if (request.action != Action::discard) {
            ASSERT_EQ(sum, request.sectors);
        }
        ASSERT_LE(request.segments.size(), 11u);
    }
    EXPECT_GT(passed, 100u);
}

}  // namespace
}  // namespace rf
