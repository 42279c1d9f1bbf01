// SPDX-License-Identifier: MIT
// memory_op as balloon drivers, swiotlb and domain builders use it. The rules that matter most: the extent operations
// answer with a count and never with an error; what a guest gives it must own and not share; an exchange happens wholly
// or not at all; a claim is kept.
#include "world.hpp"

#include <algorithm>

namespace rf::hypercall_tests {
namespace {

class Memory : public World {
protected:
    /// A reference that somebody else holds on a frame.
    class Holder {
    public:
        Holder(std::uint64_t mfn, DomainId owner) : mfn_(mfn) { EXPECT_TRUE(mm::take_reference(mfn_, owner)); }
        ~Holder() { mm::drop_reference(mfn_); }
        Holder(Holder const&) = delete;
        Holder& operator=(Holder const&) = delete;

    private:
        Mfn mfn_;
    };

    static xen::xen_memory_exchange trade(std::vector<std::uint64_t>& given, std::uint32_t given_order,
                                          std::vector<std::uint64_t>& wanted, std::uint32_t wanted_order,
                                          std::uint32_t address_bits = 0)
    {
        return {.in = extents(given, given_order, domid_self),
                .out = extents(wanted, wanted_order, domid_self, xen::XENMEMF_address_bits(address_bits)),
                .nr_exchanged = 0};
    }
    /// Every frame is the guest's, with nothing but its own reference.
    void expect_untouched(std::vector<std::uint64_t> const& frames, std::uint64_t first_pfn)
    {
        for (std::size_t i = 0; i < frames.size(); ++i) {
            mm::Frame const& frame = mm::frames[Mfn{frames[i]}];
            EXPECT_EQ(frame.owner_id(), guest_id);
            EXPECT_EQ(frame.load().references(), 1u);
            EXPECT_TRUE(frame.load().allocated());
            EXPECT_EQ(mm::m2p(Mfn{frames[i]}).value, first_pfn + i);
        }
    }
};

TEST_F(Memory, PopulateTellsFramesAndNumbersThem)
{
    caller = guest;
    std::vector<std::uint64_t> list{0x100, 0x200};
    auto const request = extents(list, 3, domid_self);
    ASSERT_EQ(memory(xen::XENMEM_populate_physmap, &request), 2);
    for (unsigned k = 0; k < 8; ++k) {
        EXPECT_EQ(mm::m2p(Mfn{list[0] + k}).value, 0x100u + k);
        EXPECT_EQ(mm::m2p(Mfn{list[1] + k}).value, 0x200u + k);
        EXPECT_EQ(mm::frames[Mfn{list[1] + k}].owner_id(), guest_id);
    }
    xen::xen_memory_domain const self{domid_self.value};
    EXPECT_EQ(memory(xen::XENMEM_current_reservation, &self), 16);
}

TEST_F(Memory, CountsInsteadOfErrors)
{
    caller = guest;
    guest->memory.set_limit(3);
    std::vector<std::uint64_t> list{1, 2, 3, 4, 5};
    auto request = extents(list, 0, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &request), 3) << "up to the limit";
    EXPECT_EQ(list[3], 4u) << "the rest of the list stays";

    std::vector<std::uint64_t> more{9};
    request = extents(more, 10, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &request), 0) << "order too large for a guest";
    request = extents(more, 0, domain_zero);
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &request), 0) << "somebody else's domain";
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, nullptr), 0) << "no request at all";
    request = extents(more, 0, domid_self, xen::XENMEMF_populate_on_demand);
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &request), 0);
}

TEST_F(Memory, FramesThatCannotBeToldAreGivenBack)
{
    caller = guest;
    xen::xen_memory_reservation request{};
    request.extent_start.address = 0x1000; // faults
    request.nr_extents = 1;
    request.domid = domid_self.value;
    std::uint64_t const before = guest->memory.pages();
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &request), 0);
    EXPECT_EQ(memory(xen::XENMEM_increase_reservation, &request), 0);
    EXPECT_EQ(guest->memory.pages(), before);
}

TEST_F(Memory, LongPopulateIsContinuedAndStillCountsAll)
{
    auto const frames = populate(*guest, 3000);
    EXPECT_GE(segments, 3u);
    std::vector<std::uint64_t> sorted = frames;
    std::ranges::sort(sorted);
    EXPECT_EQ(std::ranges::adjacent_find(sorted), sorted.end()) << "no frame twice";
    EXPECT_EQ(guest->memory.pages(), 3000u);
}

TEST_F(Memory, WhoAsksForLessMeanwhileIsToldWhatItGot)
{
    caller = guest;
    std::vector<std::uint64_t> list(3000);
    auto request = extents(list, 0, domid_self);
    auto const first = once(hypercall::memory_op, {xen::XENMEM_increase_reservation, address(&request)});
    ASSERT_TRUE(first.is_again());
    std::uint64_t const got = guest->memory.pages();
    ASSERT_GT(got, 2u);
    request.nr_extents = 2;
    auto const second = once(hypercall::memory_op, first.next_arguments());
    ASSERT_FALSE(second.is_again());
    EXPECT_EQ(second.result(), static_cast<std::int64_t>(got));
}

TEST_F(Memory, DecreaseTakesOnlyOwnFramesAndOnlyOnce)
{
    auto frames = populate(*guest, 4);
    caller = guest;
    auto const free_before = mm::allocator.free_frames();
    std::vector<std::uint64_t> list{frames[0], frames[1], frames[0]};
    auto request = extents(list, 0, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_decrease_reservation, &request), 2) << "the third was given up already";
    EXPECT_EQ(mm::allocator.free_frames(), free_before + 2);
    EXPECT_FALSE(mm::m2p(Mfn{frames[0]}).valid());

    std::vector<std::uint64_t> shared{guest->shared_info_frame().value};
    request = extents(shared, 0, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_decrease_reservation, &request), 0) << "the hypervisor still uses shared_info";
    std::vector<std::uint64_t> nonsense{~0ull, 1ull << 40};
    request = extents(nonsense, 0, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_decrease_reservation, &request), 0);
}

TEST_F(Memory, AFrameThatIsStillMappedStaysTheDomains)
{
    auto frames = populate(*guest, 1);
    caller = guest;
    auto const free_before = mm::allocator.free_frames();
    {
        Holder const mapping{frames[0], guest_id};
        auto const request = extents(frames, 0, domid_self);
        EXPECT_EQ(memory(xen::XENMEM_decrease_reservation, &request), 1);
        EXPECT_EQ(mm::allocator.free_frames(), free_before);
        EXPECT_EQ(guest->memory.pages(), 1u);
    }
    EXPECT_EQ(mm::allocator.free_frames(), free_before + 1);
    EXPECT_EQ(guest->memory.pages(), 0u);
}

TEST_F(Memory, ExchangeMakesAContiguousBufferWithinTheLimit)
{
    auto given = populate(*guest, 64, 0x1000);
    guest->memory.set_limit(64); // a domain at its limit may still trade
    caller = guest;
    auto const old = given;
    std::vector<std::uint64_t> wanted{0x1000};
    auto request = trade(given, 0, wanted, 6, 26);
    ASSERT_EQ(memory(xen::XENMEM_exchange, &request), 0);
    EXPECT_EQ(request.nr_exchanged, 64u);
    EXPECT_EQ(wanted[0] % 64, 0u);
    EXPECT_LE(wanted[0] + 64, (1ull << 26) / page_size);
    for (unsigned k = 0; k < 64; ++k)
        EXPECT_EQ(mm::m2p(Mfn{wanted[0] + k}).value, 0x1000u + k);
    for (std::uint64_t mfn : old)
        if (mfn < wanted[0] || mfn >= wanted[0] + 64) {
            EXPECT_FALSE(mm::m2p(Mfn{mfn}).valid());
            EXPECT_EQ(mm::frames[Mfn{mfn}].load().references(), 0u);
        }
    EXPECT_EQ(guest->memory.pages(), 64u);
}

TEST_F(Memory, ExchangeThereAndBackLosesNothing)
{
    auto frames = populate(*guest, 64, 0x5000);
    caller = guest;
    std::uint64_t free_after_first = 0; // the heap has then cut up what it needs for the lists
    for (int round = 0; round < 3; ++round) {
        std::vector<std::uint64_t> block{0x1000};
        auto request = trade(frames, 0, block, 6);
        ASSERT_EQ(memory(xen::XENMEM_exchange, &request), 0);
        for (unsigned k = 0; k < 64; ++k)
            frames[k] = 0x5000 + k;
        request = trade(block, 6, frames, 0);
        ASSERT_EQ(memory(xen::XENMEM_exchange, &request), 0);
        EXPECT_EQ(request.nr_exchanged, 1u);
        expect_untouched(frames, 0x5000);
        if (round == 0)
            free_after_first = mm::allocator.free_frames();
    }
    EXPECT_EQ(mm::allocator.free_frames(), free_after_first);
    EXPECT_EQ(guest->memory.pages(), 64u);
}

TEST_F(Memory, FailedExchangeLeavesTheGuestItsFrames)
{
    auto frames = populate(*guest, 64, 0x1000);
    caller = guest;
    std::vector<std::uint64_t> wanted{0x1000};
    auto first = trade(frames, 0, wanted, 6, 18);
    EXPECT_EQ(memory(xen::XENMEM_exchange, &first), to_guest(Errno::enomem));
    auto const free_before = mm::allocator.free_frames(); // the heap has cut up what it needs for the lists
    auto const fails = [&](xen::xen_memory_exchange request, Errno expected) {
        EXPECT_EQ(memory(xen::XENMEM_exchange, &request), to_guest(expected));
        EXPECT_EQ(request.nr_exchanged, 0u);
        EXPECT_EQ(guest->memory.pages(), 64u);
        EXPECT_EQ(mm::allocator.free_frames(), free_before);
        expect_untouched(frames, 0x1000);
    };
    // Linux starts with 18 bits and asks for one more each time.
    fails(trade(frames, 0, wanted, 6, 19), Errno::enomem);
    fails(trade(frames, 0, wanted, 6, 12), Errno::enomem);
    fails(trade(frames, 0, wanted, 5), Errno::einval);  // sizes differ
    fails(trade(frames, 0, wanted, 10), Errno::eperm);  // order too large
    auto request = trade(frames, 0, wanted, 6);
    request.out.domid = domain_zero.value;
    fails(request, Errno::einval);
    request = trade(frames, 0, wanted, 6);
    request.out.extent_start.address = 0x1000;
    fails(request, Errno::efault);
    std::vector<std::uint64_t> twice = frames;
    twice[63] = twice[0];
    request = trade(frames, 0, wanted, 6);
    request.in.extent_start.address = address(twice.data());
    fails(request, Errno::einval);
    twice[63] = guest->shared_info_frame().value;
    fails(request, Errno::einval);
    twice[63] = control->shared_info_frame().value;
    fails(request, Errno::einval);
}

TEST_F(Memory, ExchangeRefusesAFrameInUse)
{
    auto frames = populate(*guest, 64, 0x1000);
    caller = guest;
    std::vector<std::uint64_t> wanted{0x1000};
    {
        Holder const mapping{frames[40], guest_id};
        auto request = trade(frames, 0, wanted, 6);
        EXPECT_EQ(memory(xen::XENMEM_exchange, &request), to_guest(Errno::einval));
        EXPECT_EQ(request.nr_exchanged, 0u);
    }
    expect_untouched(frames, 0x1000);
}

TEST_F(Memory, ClaimsAreKept)
{
    xen::xen_memory_reservation claim{};
    claim.domid = guest_id.value;
    claim.nr_extents = mm::allocator.free_frames() - 10;
    ASSERT_EQ(memory(xen::XENMEM_claim_pages, &claim), 0);
    EXPECT_EQ(memory(xen::XENMEM_claim_pages, &claim), to_guest(Errno::einval)) << "one claim at a time";

    std::vector<std::uint64_t> list(20);
    auto request = extents(list, 0, domid_self);
    EXPECT_EQ(memory(xen::XENMEM_populate_physmap, &request), 10) << "the rest is promised to the guest";
    auto const claimed = mm::allocator.claimed_frames();
    populate(*guest, 100);
    EXPECT_EQ(mm::allocator.claimed_frames(), claimed - 100);
    EXPECT_EQ(guest->memory.claimed(), claimed - 100);

    claim.nr_extents = 0;
    EXPECT_EQ(memory(xen::XENMEM_claim_pages, &claim), 0);
    EXPECT_EQ(mm::allocator.claimed_frames(), 0u);
    claim.nr_extents = 1ull << 30;
    EXPECT_EQ(memory(xen::XENMEM_claim_pages, &claim), to_guest(Errno::enomem));
    caller = guest;
    EXPECT_EQ(memory(xen::XENMEM_claim_pages, &claim), to_guest(Errno::eperm));
}

TEST_F(Memory, AFailedAllocationKeepsTheClaim)
{
    xen::xen_memory_reservation claim{};
    claim.domid = guest_id.value;
    claim.nr_extents = 100;
    ASSERT_EQ(memory(xen::XENMEM_claim_pages, &claim), 0);
    EXPECT_FALSE(guest->memory.allocate(6, 18)) << "no memory below 256 KiB";
    EXPECT_EQ(guest->memory.claimed(), 100u);
    EXPECT_EQ(mm::allocator.claimed_frames(), 100u);
}

TEST_F(Memory, MapsAreStoredAndCutToTheCallersRoom)
{
    std::vector<xen::e820entry> map{{0, 0xa0000, 1}, {0x100000, 0x10000000, 1}};
    xen::xen_foreign_memory_map store{guest_id.value, {2, {address(map.data())}}};
    caller = guest;
    std::vector<xen::e820entry> read(2);
    xen::xen_memory_map ask{2, {address(read.data())}};
    EXPECT_EQ(memory(xen::XENMEM_memory_map, &ask), to_guest(Errno::enosys)) << "none was stored";
    EXPECT_EQ(memory(xen::XENMEM_set_memory_map, &store), to_guest(Errno::eperm));
    EXPECT_EQ(memory(xen::XENMEM_machine_memory_map, &ask), to_guest(Errno::eperm));

    caller = control;
    EXPECT_EQ(memory(xen::XENMEM_set_memory_map, &store), 0);
    store.map.nr_entries = 129;
    EXPECT_EQ(memory(xen::XENMEM_set_memory_map, &store), to_guest(Errno::einval));

    caller = guest;
    EXPECT_EQ(memory(xen::XENMEM_memory_map, &ask), 0);
    EXPECT_EQ(ask.nr_entries, 2u);
    EXPECT_EQ(std::uint64_t{read[1].size}, 0x10000000u);
    ask.nr_entries = 1;
    EXPECT_EQ(memory(xen::XENMEM_memory_map, &ask), 0);
    EXPECT_EQ(ask.nr_entries, 1u);
}

TEST_F(Memory, GrantFramesAreToldToTheToolstackOnly)
{
    xen::xen_mem_acquire_resource ask{};
    ask.domid = guest_id.value;
    ask.type = xen::XENMEM_resource_grant_table;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), 0);
    EXPECT_EQ(ask.nr_frames, 4u) << "how many there may be";

    std::vector<std::uint64_t> list(4);
    ask.frame_list.address = address(list.data());
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), 0);
    for (std::uint64_t mfn : list) {
        EXPECT_EQ(mm::frames[Mfn{mfn}].owner_id(), guest_id);
        EXPECT_EQ(mm::frames[Mfn{mfn}].load().type(), mm::FrameType::shared);
    }
    ask.frame = 1;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::einval)) << "beyond the table";
    ask.frame = 0;
    ask.id = xen::XENMEM_resource_grant_table_id_status;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::einval));
    ask.id = 0;
    ask.domid = domain_zero.value;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::eperm)) << "its own";
    ask.domid = guest_id.value;
    ask.type = xen::XENMEM_resource_ioreq_server;
    EXPECT_EQ(memory(xen::XENMEM_acquire_resource, &ask), to_guest(Errno::eopnotsupp));
}

TEST_F(Memory, NumbersAboutDomains)
{
    xen::xen_memory_domain ask{guest_id.value};
    EXPECT_EQ(memory(xen::XENMEM_maximum_gpfn, &ask), 0) << "a fresh domain";
    guest->shared_info()->arch.max_pfn = 0x800;
    EXPECT_EQ(memory(xen::XENMEM_maximum_gpfn, &ask), 0x7ff);
    guest->shared_info()->arch.max_pfn = ~0ull;
    EXPECT_GE(memory(xen::XENMEM_maximum_gpfn, &ask), 0) << "a hostile one";
    EXPECT_EQ(memory(xen::XENMEM_maximum_ram_page, nullptr), 16383);
    EXPECT_EQ(memory(xen::XENMEM_maximum_reservation, &ask), 0xffffffff) << "without a limit";
    guest->memory.set_limit(77);
    EXPECT_EQ(memory(xen::XENMEM_maximum_reservation, &ask), 77);
    ask.domid = 4242;
    EXPECT_EQ(memory(xen::XENMEM_current_reservation, &ask), to_guest(Errno::esrch));
    caller = guest;
    ask.domid = domain_zero.value;
    EXPECT_EQ(memory(xen::XENMEM_current_reservation, &ask), to_guest(Errno::eperm));
    EXPECT_EQ(memory(xen::XENMEM_add_to_physmap, nullptr), to_guest(Errno::einval));
    EXPECT_EQ(memory(xen::XENMEM_get_sharing_freed_pages, nullptr), to_guest(Errno::enosys));
}

} // namespace
} // namespace rf::hypercall_tests
