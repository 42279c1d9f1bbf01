// SPDX-License-Identifier: MIT
// The geometry of the table from machine frames to the domains' own numbers: Dom0 learns where its pieces are, others only
// what stays true on any machine that they may move to.
#include "../pvmmu/world.hpp"

namespace rf::pvmmu_tests {
namespace {

class Layout : public World {
protected:
    std::int64_t memory(Guest& guest, std::uint32_t command, void* argument)
    {
        return run(guest, hypercall::memory_op, {command, address(argument)});
    }
};

TEST_F(Layout, GeometryOfTheFrameNumbers)
{
    std::array<std::uint64_t, 4> pieces{7, 7, 7, 7};
    xen::xen_machphys_mfn_list list{};
    list.max_extents = 4;
    list.extent_start.address = address(pieces.data());
    EXPECT_EQ(memory(dom0, xen::XENMEM_machphys_mfn_list, &list), 0);
    EXPECT_EQ(list.nr_extents, 1u) << "a machine below 1 GiB";
    EXPECT_EQ(pieces[0], mm::m2p_piece(0).value);
    EXPECT_EQ(pieces[1], 7u);
    list.max_extents = 4;
    list.extent_start.address = 0x1000;
    EXPECT_EQ(memory(dom0, xen::XENMEM_machphys_mfn_list, &list), error(Errno::efault));
    list.max_extents = 0;
    EXPECT_EQ(memory(dom0, xen::XENMEM_machphys_mfn_list, &list), 0);
    EXPECT_EQ(list.nr_extents, 0u);

    xen::xen_machphys_mapping mapping{};
    EXPECT_EQ(memory(dom0, xen::XENMEM_machphys_mapping, &mapping), 0);
    EXPECT_EQ(mapping.v_start, 0xffff'8000'0000'0000u);
    EXPECT_EQ(mapping.max_mfn, mm::m2p_limit.value - 1);
    xen::xen_reserved_device_memory_map reserved{};
    reserved.nr_entries = 9;
    EXPECT_EQ(memory(dom0, xen::XENMEM_reserved_device_memory_map, &reserved), 0);
    EXPECT_EQ(reserved.nr_entries, 0u);

    EXPECT_EQ(memory(a, xen::XENMEM_machphys_mfn_list, &list), error(Errno::eperm));
    EXPECT_EQ(memory(a, xen::XENMEM_reserved_device_memory_map, &reserved), error(Errno::eperm));
    EXPECT_EQ(memory(a, xen::XENMEM_machphys_mapping, &mapping), 0);
    EXPECT_EQ(mapping.max_mfn, (1ull << 35) - 1) << "whatever machine it moves to";
}

} // namespace
} // namespace rf::pvmmu_tests
