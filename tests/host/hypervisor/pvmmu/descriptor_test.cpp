// SPDX-License-Identifier: MIT
// Descriptor tables lie in guest memory and are read by the processor at any moment, so their pages are checked and then
// kept out of the guest's reach, like page tables.
#include "world.hpp"

namespace rf::pvmmu_tests {
namespace {

constexpr std::uint64_t flat_code = 0x00af'9b00'0000'ffff; // level 0: becomes level 3
constexpr std::uint64_t flat_code_3 = flat_code | 3ull << 45;
constexpr std::uint64_t interrupt_gate = 0x0000'8e00'0008'0000;
constexpr std::uint64_t task_state = 0x0000'8900'0000'0067;

class Descriptors : public World {
protected:
    void SetUp() override { start(a); }
    std::int64_t set_gdt(std::vector<std::uint64_t> frames, unsigned entries, VcpuId vcpu = 0)
    {
        return run(a, hypercall::set_gdt, {address(frames.data()), entries}, vcpu);
    }
    std::int64_t update_descriptor(Mfn frame, unsigned index, std::uint64_t value)
    {
        return run(a, hypercall::update_descriptor, {machine(frame, index), value});
    }
    std::int64_t set_ldt(std::uint64_t base, unsigned entries)
    {
        auto op = extended(xen::MMUEXT_SET_LDT, base);
        op.arg2.nr_ents = entries;
        return extend(a, op);
    }
};

TEST_F(Descriptors, WhatIsAdmittedNeverGivesMoreThanRingThree)
{
    for (unsigned type = 0; type < 16; ++type)
        for (unsigned bits = 0; bits < 16; ++bits) {
            std::uint64_t const high = type | (bits & 1) << 4 | (bits >> 1 & 3) << 5 | (bits >> 3) << 7;
            std::uint64_t const descriptor = high << 40 | 0x33ull << 16;
            auto const admitted = pvmmu::admit_descriptor(descriptor);
            bool const present = bits >> 3, segment = bits & 1;
            if (!present) {
                EXPECT_EQ(admitted.value_or(1), descriptor);
            } else if (segment || type == 0) {
                ASSERT_TRUE(admitted);
                EXPECT_EQ(*admitted >> 45 & 3, 3u);
            } else if (type == 0xc) {
                ASSERT_TRUE(admitted);
                EXPECT_EQ(*admitted >> 45 & 3, 0u) << "a gate that no guest can go through";
            } else {
                EXPECT_FALSE(admitted) << "system type " << type;
            }
        }
    EXPECT_FALSE(pvmmu::admit_descriptor(0x0000'8c00'e008'0000)) << "a gate to our code";
}

TEST_F(Descriptors, AGdtIsCheckedCountedAndKeptFromTheGuest)
{
    slot(a[40], 1) = flat_code;
    ASSERT_EQ(set_gdt({a[40].value}, 512), 0);
    EXPECT_EQ(slot(a[40], 1), flat_code_3);
    expect_type(a[40], FrameType::descriptor, 1);
    EXPECT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), error(Errno::ebusy));
    EXPECT_EQ(map(a, 40 * page_size, entry(a[40], readable)), 0);
    EXPECT_EQ(pin(a, a[40], 1), error(Errno::ebusy));
    EXPECT_NE(write(a, a[40], 2, task_state), 0) << "as plain memory";
    EXPECT_NE(extend(a, extended(xen::MMUEXT_CLEAR_PAGE, a[40].value)), 0);
    ASSERT_EQ(set_gdt({a[41].value, a[40].value, a[40].value}, 3 * 512, 1), 0);
    expect_type(a[40], FrameType::descriptor, 3);
    ASSERT_EQ(set_gdt({}, 0), 0);
    ASSERT_EQ(set_gdt({}, 0, 1), 0);
    EXPECT_EQ(state(a[40]).type_count(), 0u);
    EXPECT_EQ(state(a[40]).references(), 2u);
    EXPECT_EQ(map(a, 40 * page_size, entry(a[40], read_write)), 0) << "memory again";
}

TEST_F(Descriptors, ATableOfManyPagesIsJudgedInPieces)
{
    std::vector<std::uint64_t> frames;
    for (unsigned i = 40; i < 54; ++i) {
        slot(a[i], 1) = flat_code;
        frames.push_back(a[i].value);
    }
    auto const segments_of = [&](std::int64_t expected) {
        hypercall::Arguments arguments{address(frames.data()), frames.size() * 512};
        for (unsigned segments = 1;; ++segments) {
            auto const outcome = once(a, hypercall::set_gdt, arguments);
            if (!outcome.is_again()) {
                EXPECT_EQ(outcome.result(), expected);
                return segments;
            }
            EXPECT_LT(segments, 100u) << "it never ends";
            arguments = outcome.next_arguments();
        }
    };
    EXPECT_GE(segments_of(0), 5u);
    EXPECT_EQ(slot(a[53], 1), flat_code_3);
    EXPECT_EQ(segments_of(0), 1u) << "judged already";
    ASSERT_EQ(set_gdt({}, 0), 0);
    // A verdict holds as long as nobody could write.
    ASSERT_EQ(map(a, 53 * page_size, entry(a[53], read_write)), 0);
    slot(a[53], 500) = interrupt_gate;
    ASSERT_EQ(map(a, 53 * page_size, 0), 0);
    segments_of(error(Errno::einval));
    EXPECT_EQ(segments_of(error(Errno::einval)), 1u) << "judged already";
    ASSERT_EQ(map(a, 53 * page_size, entry(a[53], read_write)), 0);
    slot(a[53], 500) = 0;
    ASSERT_EQ(map(a, 53 * page_size, 0), 0);
    segments_of(0);
    ASSERT_EQ(set_gdt({}, 0), 0);
}

TEST_F(Descriptors, ABadPageRefusesTheWholeTable)
{
    slot(a[42], 500) = interrupt_gate;
    EXPECT_EQ(set_gdt({a[40].value, a[41].value, a[42].value}, 3 * 512), error(Errno::einval));
    EXPECT_EQ(set_gdt({a[40].value, a[10].value}, 2 * 512), error(Errno::ebusy)) << "mapped writable";
    EXPECT_EQ(set_gdt({a[40].value, a[3].value}, 2 * 512), error(Errno::ebusy)) << "a page table";
    EXPECT_NE(set_gdt({a[40].value, b[40].value}, 2 * 512), 0) << "another domain's";
    EXPECT_NE(set_gdt({a[40].value, a.domain->shared_info_frame().value}, 2 * 512), 0);
    EXPECT_EQ(set_gdt({a[40].value}, 0xe000 / 8 + 1), error(Errno::einval)) << "beyond the guest's part";
    for (Mfn mfn : {a[40], a[41], a[42]}) {
        EXPECT_EQ(state(mfn).type_count(), 0u);
        EXPECT_EQ(state(mfn).references(), 1u);
    }
    EXPECT_EQ(slot(a[42], 500), interrupt_gate) << "what is refused is left as it was";
}

TEST_F(Descriptors, SingleDescriptorsAreCheckedWhereverTheyGo)
{
    ASSERT_EQ(set_gdt({a[40].value}, 512), 0);
    EXPECT_EQ(update_descriptor(a[40], 3, flat_code), 0);
    EXPECT_EQ(slot(a[40], 3), flat_code_3);
    EXPECT_EQ(update_descriptor(a[40], 3, interrupt_gate), error(Errno::einval));
    EXPECT_EQ(update_descriptor(a[40], 3, task_state), error(Errno::einval));
    EXPECT_EQ(slot(a[40], 3), flat_code_3);
    EXPECT_EQ(update_descriptor(a[41], 3, flat_code), 0) << "memory that may become a GDT";
    EXPECT_EQ(update_descriptor(a[3], 3, flat_code), error(Errno::ebusy)) << "a page table";
    EXPECT_NE(update_descriptor(b[41], 3, flat_code), 0);
    EXPECT_EQ(run(a, hypercall::update_descriptor, {machine(a[41], 3) + 4, flat_code}), error(Errno::einval));
}

TEST_F(Descriptors, AnLdtIsFoundThroughTheTablesOfTheMoment)
{
    ASSERT_EQ(map(a, 40 * page_size, entry(a[40], readable)), 0);
    ASSERT_EQ(map(a, 41 * page_size, entry(a[41], readable)), 0);
    ASSERT_EQ(set_ldt(40 * page_size, 1500), 0); // the third page is not mapped
    expect_type(a[40], FrameType::descriptor, 1);
    expect_type(a[41], FrameType::descriptor, 1);
    EXPECT_EQ(map(a, 40 * page_size, 0), 0) << "the LDT keeps its page without the mapping";
    expect_type(a[40], FrameType::descriptor, 1);
    EXPECT_EQ(set_ldt(5, 10), error(Errno::einval));
    EXPECT_EQ(set_ldt(0, 8193), error(Errno::einval));
    EXPECT_EQ(set_ldt(0xffff'8000'0000'0000, 10), error(Errno::einval));
    expect_type(a[40], FrameType::descriptor, 1);
    ASSERT_EQ(set_ldt(3 * page_size, 512), 0) << "a page table as LDT reads as nothing";
    EXPECT_EQ(state(a[40]).type_count(), 0u);
    expect_type(a[3], FrameType::l1, 1);
    ASSERT_EQ(map(a, 40 * page_size, entry(a[40], readable)), 0);
    ASSERT_EQ(set_ldt(40 * page_size, 512), 0);
    ASSERT_EQ(extend(a, extended(xen::MMUEXT_NEW_BASEPTR, a[0].value)), 0) << "a new root drops it";
    EXPECT_EQ(state(a[40]).type_count(), 0u);
}

TEST_F(Descriptors, AnEndingDomainGivesThemBack)
{
    ASSERT_EQ(set_gdt({a[40].value, a[41].value}, 1024), 0);
    ASSERT_EQ(map(a, 42 * page_size, entry(a[42], readable)), 0);
    ASSERT_EQ(set_ldt(42 * page_size, 8), 0);
    auto const free = mm::allocator.free_frames();
    destroy(a);
    EXPECT_GE(mm::allocator.free_frames(), free + frames_each);
}

} // namespace
} // namespace rf::pvmmu_tests
