// SPDX-License-Identifier: MIT
// Story: frontends of all kinds connect to a disk: one page or sixteen, one queue or four, keeping grants or not, or
// writing nonsense. What connects is served; what does not leaves nothing mapped and nothing bound.
#include "block/device.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "block/fake_disk.hpp"
#include "fake_guest.hpp"
#include "fake_store.hpp"
#include "ring/front_ring.hpp"

namespace rf {
namespace {

using namespace rf::block;
using rf::test::FakeDisk;
using rf::test::FakeGuest;
using rf::test::FakeStore;

class BlockDevice : public testing::Test {
protected:
    FakeGuest guest{512};
    xen::GrantMapper mapper = *xen::GrantMapper::open(guest);
    xen::EventChannels events = *xen::EventChannels::open(guest);
    BufferPool pool = *BufferPool::create(320);
    FakeDisk disk{8192};
    FakeStore store;
    const std::string front = "/local/domain/7/device/vbd/51712";
    int journal = ::memfd_create("journal", MFD_CLOEXEC);
    DiskFacts facts{.sectors = 8192, .discard_granularity = 4096};
    std::vector<std::string> told;  ///< to the operator

    void SetUp() override
    {
        ASSERT_EQ(::ftruncate(journal, static_cast<off_t>(journal_bytes())), 0);
        for (std::uint32_t i = 0; i < 512; ++i)
            guest.grant(1000 + i, i);
    }
    ~BlockDevice() override { ::close(journal); }

    std::unique_ptr<Device> make()
    {
        auto device = std::make_unique<Device>(Doors{mapper, events, pool, disk}, FakeGuest::domain, [this]() -> Result<OpenDisk> {
            return OpenDisk{{xen::Descriptor(), facts}, xen::Descriptor(xen::Kernel::host(), ::dup(journal))};
        }, [this](const std::string& line) { told.push_back(line); });
        EXPECT_TRUE(device->prepare());
        return device;
    }
    /// Nodes of a queue whose ring begins at `page`.
    void write_queue(const std::string& directory, std::uint32_t page, std::uint32_t order, bool multi)
    {
        for (std::uint32_t i = 0; i < 1u << order; ++i)
            store.nodes[directory + "/ring-ref" + (multi ? std::to_string(i) : "")] = std::to_string(1000 + page + i);
        store.nodes[directory + "/event-channel"] = "12";
    }
    void expect_write_works(Device& device, ring::FrontRing<112>& ring, std::uint64_t sector)
    {
        std::memset(guest.page(400).data(), 0x5c, 4096);
        RawRequest raw{};
        raw.operation = ::xen::BLKIF_OP_WRITE;
        raw.id = 9;
        raw.nr_segments = 1;
        raw.sector_number = sector;
        raw.seg[0] = {1400, 0, 7};
        ASSERT_TRUE(ring.put(raw));
        (void)ring.publish();
        (void)device.turn();
        disk.run_all();
        (void)device.turn();
        ASSERT_EQ(ring.waiting(), 1u);
        EXPECT_EQ(ring.take<::xen::blkif_response>().status, 0);
        EXPECT_EQ(disk.bytes[sector * 512], std::byte{0x5c});
    }
};

TEST_F(BlockDevice, TellsWhatItCan)
{
    std::map<std::string, std::string> told;
    for (const auto& node : make()->features())
        told[node.name] = node.value;
    EXPECT_EQ(told["sectors"], "8192");
    EXPECT_EQ(told["info"], "0");
    EXPECT_EQ(told["feature-max-indirect-segments"], "256");
    EXPECT_EQ(told["max-ring-page-order"], "4");
    EXPECT_EQ(told["multi-queue-max-queues"], "4");
    EXPECT_EQ(told["feature-discard"], "1");
    facts.read_only = 1;
    facts.discard_granularity = 0;
    told.clear();
    for (const auto& node : make()->features())
        told[node.name] = node.value;
    EXPECT_EQ(told["info"], "4");
    EXPECT_EQ(told["feature-discard"], "0");
    EXPECT_FALSE(told.contains("discard-granularity"));
}

TEST_F(BlockDevice, ServesTheSmallestFrontend)
{
    auto device = make();
    ring::FrontRing<112> ring(guest.page(0));
    write_queue(front, 0, 0, false);
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::fresh));
    EXPECT_TRUE(device->serving());
    EXPECT_EQ(device->ports().size(), 1u);
    expect_write_works(*device, ring, 64);
    EXPECT_EQ(device->disconnect(), xenbus::Backend::Rest::reached);
    EXPECT_EQ(guest.mapped_pages, 0u);
    EXPECT_EQ(guest.bound_ports, 0u);
}

TEST_F(BlockDevice, TheOperatorHearsOfADiskThatFails)
{
    auto device = make();
    ring::FrontRing<112> ring(guest.page(0));
    write_queue(front, 0, 0, false);
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::fresh));
    const auto fails = [&](std::uint8_t operation, std::uint64_t sector, int error) {
        RawRequest raw{};
        raw.operation = operation;
        raw.nr_segments = 1;
        raw.sector_number = sector;
        raw.seg[0] = {1400, 0, 7};
        EXPECT_TRUE(ring.put(raw));
        (void)ring.publish();
        (void)device->turn();
        disk.next_error = error;
        disk.run_all();
        (void)device->turn();
        EXPECT_EQ(ring.waiting(), 1u);
        EXPECT_EQ(ring.take<::xen::blkif_response>().status, ::xen::BLKIF_RSP_ERROR);
    };
    fails(::xen::BLKIF_OP_WRITE, 80, ENOSPC);
    EXPECT_EQ(told, (std::vector<std::string>{"cannot write sector 80: No space left on device"}));
    fails(::xen::BLKIF_OP_READ, 81, EIO);  // at once again: too early for another line
    EXPECT_EQ(told.size(), 1u);
    // A request that is refused for itself is the guest's affair.
    expect_write_works(*device, ring, 64);
    EXPECT_EQ(told.size(), 1u);
}

TEST_F(BlockDevice, TheOperatorHearsOnceOfARingWithoutSense)
{
    auto device = make();
    write_queue(front, 0, 0, false);
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::fresh));
    const std::uint32_t far = 100'000;  // more requests than a ring holds
    std::memcpy(guest.page(0).data(), &far, sizeof far);
    for (int turn = 0; turn < 3; ++turn)
        (void)device->turn();
    EXPECT_EQ(told, (std::vector<std::string>{"the guest's ring makes no sense; no request of it is taken any more"}));
}

TEST(FailureReport, OneLineAtOnceThenOneInEachPause)
{
    using Kind = DiskOperation::Kind;
    FailureReport report;
    FailureReport::Clock::time_point now{};
    EXPECT_EQ(report.add({Kind::read, 4096, EIO}, now), "cannot read sector 8: Input/output error");
    for (int i = 0; i < 41; ++i)
        EXPECT_EQ(report.add({Kind::write, 512, EIO}, now += std::chrono::milliseconds(100)), std::nullopt);
    now += FailureReport::pause;
    EXPECT_EQ(report.add({Kind::sync, 0, ENOSPC}, now), "cannot sync the disk: No space left on device (41 lines since the last one were left out)");
    now += FailureReport::pause;
    EXPECT_EQ(report.add({Kind::discard, 1024, EIO}, now), "cannot discard from sector 2: Input/output error");
    now += FailureReport::pause;
    EXPECT_EQ(report.add({Kind::read, 512, 0}, now), "cannot read sector 1: the disk is shorter than it was");
}

TEST_F(BlockDevice, ServesTheLargestFrontend)
{
    auto device = make();
    std::vector<ring::FrontRing<112>> rings;
    store.nodes[front + "/multi-queue-num-queues"] = "4";
    store.nodes[front + "/ring-page-order"] = "4";
    store.nodes[front + "/feature-persistent"] = "1";
    store.nodes[front + "/protocol"] = "x86_64-abi";
    for (std::uint32_t i = 0; i < 4; ++i) {
        rings.emplace_back(guest.pages(i * 16, 16));
        write_queue(front + "/queue-" + std::to_string(i), i * 16, 4, true);
    }
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::fresh));
    EXPECT_EQ(rings[0].entries(), 512u);
    for (std::uint32_t i = 0; i < 4; ++i)
        expect_write_works(*device, rings[i], 8 * i);
    EXPECT_EQ(device->disconnect(), xenbus::Backend::Rest::reached);
    EXPECT_EQ(guest.mapped_pages, 0u);
    EXPECT_EQ(guest.bound_ports, 0u);
}

TEST_F(BlockDevice, NonsenseLeavesNothingBehind)
{
    const std::vector<std::pair<std::string, std::string>> nonsense = {
        {"/protocol", "x86_32-abi"}, {"/multi-queue-num-queues", "0"},  {"/multi-queue-num-queues", "5"},
        {"/ring-page-order", "5"},   {"/ring-page-order", "-1"},        {"/queue-1/event-channel", ""},
        {"/queue-1/ring-ref0", "9"}, {"/queue-1/ring-ref0", "4294967296"}, {"/queue-1/ring-ref1", "x"},
    };
    for (const auto& [name, value] : nonsense) {
        auto device = make();
        store.nodes.clear();
        store.nodes[front + "/multi-queue-num-queues"] = "2";
        store.nodes[front + "/ring-page-order"] = "1";
        write_queue(front + "/queue-0", 0, 1, true);
        write_queue(front + "/queue-1", 2, 1, true);
        store.nodes[front + name] = value;
        EXPECT_FALSE(device->connect(store, front, xenbus::Start::fresh)) << name << " = " << value;
        EXPECT_FALSE(device->serving());
        EXPECT_EQ(guest.mapped_pages, 0u) << name;
        EXPECT_EQ(guest.bound_ports, 0u) << name;
    }
}

TEST_F(BlockDevice, SuccessorTakesOverThroughTheJournalFile)
{
    auto device = make();
    ring::FrontRing<112> ring(guest.page(0));
    write_queue(front, 0, 0, false);
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::fresh));
    expect_write_works(*device, ring, 0);
    RawRequest raw{};
    raw.operation = ::xen::BLKIF_OP_WRITE;
    raw.id = 77;
    raw.nr_segments = 1;
    raw.sector_number = 128;
    raw.seg[0] = {1400, 0, 7};
    ASSERT_TRUE(ring.put(raw));
    (void)ring.publish();
    (void)device->turn();
    disk.waiting.clear();
    device.reset();  // dies with the request under way
    device = make();
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::resumed));
    (void)device->turn();
    disk.run_all();
    (void)device->turn();
    ASSERT_EQ(ring.waiting(), 1u);
    EXPECT_EQ(ring.take<::xen::blkif_response>().id, 77u);
    EXPECT_EQ(disk.bytes[128 * 512], std::byte{0x5c});
}

TEST_F(BlockDevice, SuccessorWithoutAJournalRefuses)
{
    ring::FrontRing<112> ring(guest.page(0));
    write_queue(front, 0, 0, false);
    auto device = make();
    EXPECT_FALSE(device->connect(store, front, xenbus::Start::resumed)) << "nobody ever served this ring";
    EXPECT_EQ(guest.mapped_pages, 0u);
}

TEST_F(BlockDevice, LeavingWaitsForTheDisk)
{
    auto device = make();
    ring::FrontRing<112> ring(guest.page(0));
    write_queue(front, 0, 0, false);
    ASSERT_TRUE(device->connect(store, front, xenbus::Start::fresh));
    RawRequest raw{};
    raw.operation = ::xen::BLKIF_OP_FLUSH_DISKCACHE;
    ASSERT_TRUE(ring.put(raw));
    (void)ring.publish();
    (void)device->turn();
    EXPECT_EQ(device->disconnect(), xenbus::Backend::Rest::not_yet);
    EXPECT_GT(guest.mapped_pages, 0u);
    disk.run_all();
    EXPECT_EQ(device->disconnect(), xenbus::Backend::Rest::reached);
    EXPECT_EQ(guest.mapped_pages, 0u);
}

}  // namespace
}  // namespace rf
