// SPDX-License-Identifier: MIT
// Story: a guest writes to a disk and reads it back; the backend refuses, cannot, lies, or goes away.
#include <gtest/gtest.h>

#include "front/block.hpp"
#include "fake_doors.hpp"
#include "ring/back_ring.hpp"

namespace {

using namespace rf;
using namespace rf::front;

const std::string own = "device/vbd/51712/";
const std::string back = "/local/domain/0/backend/qdisk/5/51712/";

class FrontBlock : public testing::Test {
protected:
    FrontBlock()
    {
        guest.store.nodes = {{own + "backend", back.substr(0, back.size() - 1)}, {own + "backend-id", "0"}, {own + "state", "1"},
                             {back + "state", "1"}, {back + "sectors", "64"}, {back + "info", "4"}};
        guest.events.other_side = [this] { serve(); };
    }
    void serve()
    {
        auto& state = guest.store.nodes[back + "state"];
        const auto theirs = guest.store.nodes[own + "state"];
        if (state == "1")
            guest.store.set(back + "state", "2");
        else if (state == "2" && theirs == "3") {
            EXPECT_EQ(guest.store.nodes[own + "protocol"], "x86_64-abi");
            ring = ring::BackRing<112>{{guest.grants.page(static_cast<GrantReference>(std::stoul(guest.store.nodes[own + "ring-ref"]))), page_size}};
            guest.store.set(back + "state", "4");
        } else if (theirs == "5" && state == "4")
            guest.store.set(back + "state", "5");
        else if (theirs == "6" && state == "5")
            guest.store.set(back + "state", "6");
        else if (state == "4" && ring.waiting() != 0)
            answer(ring.take<xen::blkif_request>());
    }
    virtual void answer(const xen::blkif_request& request)
    {
        std::int16_t status = verdict;
        if (status == 0 && request.nr_segments == 1) {
            const auto& grant = guest.grants.grants.at(request.seg[0].gref);
            EXPECT_EQ(grant.access, request.operation == xen::BLKIF_OP_READ ? GrantAccess::read_write : GrantAccess::read_only);
            std::byte* const place = disk.data() + request.sector_number * 512;
            if (request.operation == xen::BLKIF_OP_READ)
                std::memcpy(grant.page, place, page_size);
            else
                std::memcpy(place, grant.page, page_size);
        }
        xen::blkif_response response{};
        response.id = request.id + id_lie;
        response.operation = request.operation;
        response.status = status;
        ring.put(response);
        static_cast<void>(ring.publish());
    }

    test::FakeGuest guest;
    BlockDevice device{guest.doors()};
    ring::BackRing<112> ring;
    std::vector<std::byte> disk = std::vector<std::byte>(64 * 512);
    std::int16_t verdict = 0;
    std::uint64_t id_lie = 0;
};

TEST_F(FrontBlock, WritesReadsFlushesAndLeaves)
{
    EXPECT_EQ(BlockDevice::first_number(guest.store), 51712u);
    ASSERT_TRUE(device.connect(51712));
    EXPECT_EQ(device.sectors(), 64u);
    EXPECT_TRUE(device.read_only());
    auto* const page = guest.pages.allocate();
    for (unsigned sector = 0; sector < 57; sector += 8) {
        std::memset(page, static_cast<int>(sector + 1), page_size);
        ASSERT_TRUE(device.write(sector, page));
        std::memset(page, 0, page_size);
        ASSERT_TRUE(device.read(sector, page));
        EXPECT_EQ(page[4095], static_cast<std::byte>(sector + 1));
    }
    EXPECT_TRUE(device.flush());
    guest.pages.release(page);
    ASSERT_TRUE(device.disconnect());
    EXPECT_TRUE(guest.grants.grants.empty());
    EXPECT_TRUE(guest.pages.pages.empty());
    EXPECT_TRUE(guest.events.open_ports.empty());
    EXPECT_EQ(guest.store.live_watches(), 0u);
}

TEST_F(FrontBlock, TellsErrorsOfTheDisk)
{
    ASSERT_TRUE(device.connect(51712));
    auto* const page = guest.pages.allocate();
    verdict = xen::BLKIF_RSP_ERROR;
    EXPECT_EQ(device.read(0, page).error().number, xen::XEN_EIO);
    verdict = xen::BLKIF_RSP_EOPNOTSUPP;
    EXPECT_EQ(device.flush().error().number, xen::XEN_EOPNOTSUPP);
    verdict = 0;
    id_lie = 1;
    EXPECT_EQ(device.read(0, page).error().number, xen::XEN_EIO);
    EXPECT_EQ(guest.grants.grants.size(), 1u) << "only the ring is still lent";
}

TEST_F(FrontBlock, ABackendThatGoesAwayEndsTheRequest)
{
    ASSERT_TRUE(device.connect(51712));
    guest.events.other_side = [this] { guest.store.set(back + "state", "6"); };
    EXPECT_EQ(device.flush().error().number, xen::XEN_ENODEV);
}

TEST_F(FrontBlock, ABackendThatNeverComesIsNotWaitedForForEver)
{
    guest.events.other_side = [] {};
    EXPECT_EQ(device.connect(51712).error().number, xen::XEN_ETIMEDOUT);
    guest.events.other_side = [this] { guest.store.set(back + "state", "6"); };
    BlockDevice other{guest.doors()};
    EXPECT_EQ(other.connect(51712).error().number, xen::XEN_ENODEV);
}

}  // namespace
