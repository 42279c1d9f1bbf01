// SPDX-License-Identifier: MIT
// grant_table_op as guests call it: what fails as a whole and what fails for one element, whose tables one may ask for,
// copies between pages, and that no mapping stays whose handle its user never learns.
#include "../pvmmu/world.hpp"

#include "fake_state.hpp"

namespace rf::pvmmu_tests {
namespace {

class GrantCalls : public World {
protected:
    void SetUp() override
    {
        start(a);
        start(b);
    }
    std::int64_t call(Guest& guest, std::uint32_t operation, void* elements, std::uint64_t count = 1)
    {
        return run(guest, hypercall::grant_table_op, {operation, address(elements), count});
    }
    static void grant(std::uint32_t ref, Mfn frame, std::uint16_t flags = xen::GTF_permit_access)
    {
        Mfn const table = domain::find(DomainId{9}).value()->grants.frame(0).value();
        direct_as<xen::grant_entry_v1>(table)[ref] = {flags, 10, static_cast<std::uint32_t>(frame.value)};
    }
    static xen::gnttab_map_grant_ref mapping(std::uint32_t ref, std::uint64_t page, std::uint16_t granter = 9)
    {
        xen::gnttab_map_grant_ref op{};
        op.host_addr = page * page_size;
        op.flags = xen::GNTMAP_host_map;
        op.ref = ref;
        op.dom = granter;
        return op;
    }
};

TEST_F(GrantCalls, FailAsAWhole)
{
    std::array<std::uint64_t, 8> argument{};
    for (std::uint32_t operation : {3u, 4u, 7u, 9u, 11u, 12u, 13u, ~0u})
        EXPECT_EQ(call(a, operation, &argument), error(Errno::enosys)) << operation;
    EXPECT_EQ(call(a, xen::GNTTABOP_map_grant_ref, &argument, 0x8000'0000), error(Errno::einval)) << "a negative count";
    EXPECT_EQ(call(a, xen::GNTTABOP_map_grant_ref, nullptr, 0), 0) << "nothing to do";
    auto* const nowhere = reinterpret_cast<void*>(0x1000);
    for (std::uint32_t operation : {xen::GNTTABOP_map_grant_ref, xen::GNTTABOP_unmap_grant_ref, xen::GNTTABOP_copy,
                                    xen::GNTTABOP_setup_table, xen::GNTTABOP_query_size, xen::GNTTABOP_set_version,
                                    xen::GNTTABOP_get_version})
        EXPECT_EQ(call(a, operation, nowhere), error(Errno::efault)) << operation;
    for (std::uint32_t operation : {xen::GNTTABOP_setup_table, xen::GNTTABOP_query_size})
        EXPECT_EQ(call(a, operation, &argument, 2), error(Errno::einval)) << operation << " knows one element";
}

TEST_F(GrantCalls, TheTableAndItsSize)
{
    audits = false;
    std::array<std::uint64_t, 5> list{};
    auto const setup = [&](Guest& who, std::uint16_t dom, std::uint32_t frames, std::uint64_t place) {
        xen::gnttab_setup_table op{};
        op.dom = dom;
        op.nr_frames = frames;
        op.frame_list.address = place;
        EXPECT_EQ(call(who, xen::GNTTABOP_setup_table, &op), 0) << "errors are in the element";
        return op.status;
    };
    EXPECT_EQ(setup(a, domid_self.value, 2, address(&list)), xen::GNTST_okay);
    for (std::uint32_t i = 0; i < 2; ++i)
        EXPECT_EQ(list[i], a.domain->grants.frame(i).value().value);
    EXPECT_EQ(list[2], 0u) << "no more than was asked for";
    EXPECT_EQ(setup(a, 9, 1, address(&list)), xen::GNTST_okay) << "by its number";
    EXPECT_EQ(setup(a, domid_self.value, 5, address(&list)), xen::GNTST_general_error) << "above the limit";
    EXPECT_EQ(setup(a, domid_self.value, 1, 0x1000), xen::GNTST_bad_virt_addr);
    EXPECT_EQ(setup(b, 9, 1, address(&list)), xen::GNTST_permission_denied);
    EXPECT_EQ(setup(dom0, 9, 1, address(&list)), xen::GNTST_okay);
    EXPECT_EQ(setup(dom0, 4242, 1, address(&list)), xen::GNTST_bad_domain);

    auto const size = [&](Guest& who, std::uint16_t dom) {
        xen::gnttab_query_size op{};
        op.dom = dom;
        EXPECT_EQ(call(who, xen::GNTTABOP_query_size, &op), 0);
        return op;
    };
    EXPECT_EQ(size(a, domid_self.value).nr_frames, 2u);
    EXPECT_EQ(size(dom0, 9).max_nr_frames, 4u);
    EXPECT_EQ(size(dom0, 9).status, xen::GNTST_okay);
    EXPECT_EQ(size(dom0, 4242).status, xen::GNTST_bad_domain);
    EXPECT_EQ(size(b, 9).status, xen::GNTST_permission_denied);
    EXPECT_EQ(size(b, 9).max_nr_frames, 0u) << "and nothing is told";

    xen::gnttab_set_version version{1};
    EXPECT_EQ(call(a, xen::GNTTABOP_set_version, &version), 0);
    version.version = 2;
    EXPECT_EQ(call(a, xen::GNTTABOP_set_version, &version), error(Errno::enosys));
    version.version = 3;
    EXPECT_EQ(call(a, xen::GNTTABOP_set_version, &version), error(Errno::einval));
    xen::gnttab_get_version asked{};
    asked.dom = domid_self.value;
    EXPECT_EQ(call(a, xen::GNTTABOP_get_version, &asked), 0);
    EXPECT_EQ(asked.version, 1u);
    asked.dom = 10;
    EXPECT_EQ(call(a, xen::GNTTABOP_get_version, &asked), error(Errno::eperm));
    EXPECT_EQ(call(dom0, xen::GNTTABOP_get_version, &asked), 0);
    asked.dom = 4242;
    EXPECT_EQ(call(dom0, xen::GNTTABOP_get_version, &asked), error(Errno::esrch));
}

TEST_F(GrantCalls, OneBadElementSpoilsNoOther)
{
    grant(8, a[40]);
    xen::gnttab_map_grant_ref ops[] = {mapping(8, 50, 4242), mapping(8, 50), mapping(9, 51)};
    EXPECT_EQ(call(b, xen::GNTTABOP_map_grant_ref, ops, 3), 0);
    EXPECT_EQ(ops[0].status, xen::GNTST_bad_domain);
    EXPECT_EQ(ops[1].status, xen::GNTST_okay);
    EXPECT_EQ(ops[1].dev_bus_addr, a[40].value << page_shift);
    EXPECT_NE(ops[2].status, xen::GNTST_okay) << "nothing was granted there";
    EXPECT_EQ(Entry{slot(b[3], 50)}.frame(), a[40]);
    EXPECT_EQ(b.domain->grants.mappings(), 1u);

    // More than one segment of them; the good one is the last.
    audits = false;
    std::vector<xen::gnttab_unmap_grant_ref> back(130, {60 * page_size, 0, 0xffff, 77});
    back.back() = {ops[1].host_addr, 0, ops[1].handle, 77};
    EXPECT_EQ(call(b, xen::GNTTABOP_unmap_grant_ref, back.data(), back.size()), 0);
    EXPECT_EQ(segments, 5u);
    for (std::size_t i = 0; i + 1 < back.size(); ++i)
        ASSERT_EQ(back[i].status, xen::GNTST_bad_handle) << i;
    EXPECT_EQ(back.back().status, xen::GNTST_okay);
    EXPECT_EQ(b.domain->grants.mappings(), 0u);
}

TEST_F(GrantCalls, AMappingWhoseHandleCannotBeToldIsUndone)
{
    grant(8, a[40]);
    auto op = mapping(8, 50);
    auto refused = mapping(9, 51);
    {
        cpu::ReadOnly const locked{op};
        EXPECT_EQ(call(b, xen::GNTTABOP_map_grant_ref, &op), error(Errno::efault));
    }
    {
        cpu::ReadOnly const locked{refused};
        EXPECT_EQ(call(b, xen::GNTTABOP_map_grant_ref, &refused), error(Errno::efault));
    }
    EXPECT_EQ(b.domain->grants.mappings(), 0u);
    EXPECT_EQ(a.domain->grants.active(), 0u);
    EXPECT_EQ(slot(b[3], 50), 0u);
    EXPECT_EQ(state(a[40]).references(), 1u);
}

TEST_F(GrantCalls, CopiesBetweenPages)
{
    audits = false;
    grant(8, a[40]);
    grant(9, a[41], xen::GTF_permit_access | xen::GTF_readonly);
    std::memset(direct(a[40]), 0x11, page_size);
    std::memset(direct(a[41]), 0x22, page_size);
    std::memset(direct(b[40]), 0x33, page_size);
    auto const granted = [](std::uint32_t ref, std::uint16_t offset, std::uint16_t dom = 9) {
        xen::gnttab_copy_ptr end{};
        end.u.ref = ref;
        end.domid = dom;
        end.offset = offset;
        return end;
    };
    auto const frame = [](Mfn mfn, std::uint16_t offset, std::uint16_t dom = domid_self.value) {
        xen::gnttab_copy_ptr end{};
        end.u.gmfn = mfn.value;
        end.domid = dom;
        end.offset = offset;
        return end;
    };
    auto const copy = [&](xen::gnttab_copy_ptr source, xen::gnttab_copy_ptr dest, unsigned flags, std::uint16_t bytes = 16) {
        xen::gnttab_copy op{source, dest, bytes, static_cast<std::uint16_t>(flags), 77};
        EXPECT_EQ(call(b, xen::GNTTABOP_copy, &op), 0);
        return op.status;
    };
    auto const byte = [](Mfn mfn, unsigned offset) { return static_cast<unsigned>(direct(mfn)[offset]); };
    constexpr unsigned from = xen::GNTCOPY_source_gref, to = xen::GNTCOPY_dest_gref;

    EXPECT_EQ(copy(frame(b[40], 0), granted(8, 100), to), xen::GNTST_okay);
    EXPECT_EQ(byte(a[40], 99), 0x11u);
    EXPECT_EQ(byte(a[40], 100), 0x33u);
    EXPECT_EQ(byte(a[40], 115), 0x33u);
    EXPECT_EQ(byte(a[40], 116), 0x11u);
    EXPECT_EQ(copy(granted(9, 0), frame(b[40], 200), from), xen::GNTST_okay);
    EXPECT_EQ(byte(b[40], 200), 0x22u);
    EXPECT_EQ(copy(granted(9, 0), granted(8, 0), from | to), xen::GNTST_okay);
    EXPECT_EQ(byte(a[40], 0), 0x22u);

    EXPECT_EQ(copy(frame(b[40], 0), granted(9, 0), to), xen::GNTST_general_error) << "granted to read";
    EXPECT_EQ(copy(frame(a[40], 0, 9), frame(b[40], 0), 0), xen::GNTST_permission_denied) << "another's by its number";
    EXPECT_EQ(copy(frame(b[40], 0), frame(a[40], 0, 9), 0), xen::GNTST_permission_denied);
    EXPECT_EQ(copy(granted(8, 0, 4242), frame(b[40], 0), from), xen::GNTST_bad_domain);
    EXPECT_EQ(copy(frame(b[40], 0), granted(8, 0, 4242), to), xen::GNTST_bad_domain);
    EXPECT_EQ(copy(frame(b[40], 4090), granted(8, 0), to), xen::GNTST_bad_copy_arg) << "crosses the page's end";
    EXPECT_NE(copy(frame(a[40], 0), granted(8, 0), to), xen::GNTST_okay) << "not the caller's";
    EXPECT_EQ(byte(a[41], 0), 0x22u);
    EXPECT_EQ(a.domain->grants.active(), 0u);
}

} // namespace
} // namespace rf::pvmmu_tests
