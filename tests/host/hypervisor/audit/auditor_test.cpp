// SPDX-License-Identifier: MIT
// The audit is worth something only if it sees what is wrong. Each test plants one defect of the classic kinds into a
// machine in order, looks whether the audit finds it, and mends it.
#include "../pvmmu/world.hpp"

namespace rf::pvmmu_tests {
namespace {

class Auditor : public World {
protected:
    void SetUp() override
    {
        start(a);
        start(b);
        audit_is_clean("before");
    }
    static bool finds(std::string_view what)
    {
        auto const lines = audit_findings();
        return std::ranges::any_of(lines, [&](std::string const& line) { return line.starts_with(what); });
    }
    static void adjust(Mfn mfn, int references, int uses)
    {
        mm::frames[mfn].state.store(state(mfn).plus_references(references).plus_type_uses(uses).word());
    }
};

TEST_F(Auditor, FindsAReferenceTooManyAndOneTooFew)
{
    for (int wrong : {1, -1}) {
        adjust(a[5], wrong, 0);
        EXPECT_TRUE(finds("references"));
        adjust(a[5], -wrong, 0);
    }
}

TEST_F(Auditor, FindsUsesTooManyAndTooFew)
{
    for (Mfn mfn : {a[0], a[1], a[2], a[3], a[5]})
        for (int wrong : {1, -1}) {
            adjust(mfn, 0, wrong);
            EXPECT_TRUE(finds("uses")) << mfn.value;
            adjust(mfn, 0, -wrong);
        }
}

TEST_F(Auditor, FindsAWritableMappingOfAPageTable)
{
    std::uint64_t const old = slot(a[3], 2);
    slot(a[3], 2) = entry(a[2], read_write);
    EXPECT_TRUE(finds("a frame is in use as two kinds at once"));
    slot(a[3], 2) = old;
}

TEST_F(Auditor, FindsATableOfTheWrongType)
{
    auto const old = state(a[2]);
    mm::frames[a[2]].state.store(old.with_type(FrameType::l1).word());
    EXPECT_TRUE(finds("a page table in use is not validated"));
    mm::frames[a[2]].state.store(old.word());
}

TEST_F(Auditor, FindsMemoryOfOthersInAGuestsTables)
{
    slot(a[3], 50) = entry(b[7], readable);
    EXPECT_TRUE(finds("an entry maps another domain's memory without a grant"));
    slot(a[3], 50) = entry(mm::zero_frame(), readable);
    EXPECT_TRUE(finds("an entry maps the hypervisor's memory"));
    slot(a[3], 50) = 0;
    slot(a[2], 50) = entry(b[3], link);
    EXPECT_TRUE(finds("an entry names a page table of another domain"));
    slot(a[2], 50) = 0;
}

TEST_F(Auditor, FindsForbiddenBitsAndForeignSlots)
{
    slot(a[2], 0) |= Entry::large;
    EXPECT_TRUE(finds("an entry above level 1 has forbidden bits"));
    slot(a[2], 0) &= ~Entry::large;
    std::uint64_t const old = slot(a[0], 260);
    slot(a[0], 260) = slot(b[0], 260);
    EXPECT_TRUE(finds("a root does not hold the hypervisor's own entries"));
    slot(a[0], 260) = old;
}

TEST_F(Auditor, FindsViewsThatShowTooMuchOrSomethingElse)
{
    Mfn const page = a.vcpu().kernel_view.page();
    for (unsigned index : {257u, 258u, 262u, 271u}) {
        slot(page, index) = entry(a[1], link);
        EXPECT_TRUE(finds("a view shows what is the hypervisor's")) << index;
        slot(page, index) = 0;
    }
    for (unsigned index : {0u, 1u, 511u}) {
        std::uint64_t const old = std::exchange(slot(page, index), entry(a[5], link));
        EXPECT_TRUE(finds("a view differs from its root")) << index;
        slot(page, index) = old;
    }
    Mfn const root = std::exchange(a.vcpu().pv.user_root, a[0]);
    EXPECT_TRUE(finds("a view does not follow its vCPU's root"));
    a.vcpu().pv.user_root = root;
}

TEST_F(Auditor, FindsRootsAndPinsThatAreNotCounted)
{
    a.vcpu().pv.user_root = a[0];
    EXPECT_TRUE(finds("references"));
    a.vcpu().pv.user_root = invalid_mfn;
    mm::frames[a[1]].state.fetch_or(mm::FrameState::pinned_bit);
    EXPECT_TRUE(finds("uses"));
    mm::frames[a[1]].state.fetch_and(~mm::FrameState::pinned_bit);
}

TEST_F(Auditor, FindsFramesThatBelongToNobodyAndAreHeld)
{
    mm::frames[a[9]].set_owner(domid_invalid);
    EXPECT_TRUE(finds("references of a frame that nobody owns"));
    EXPECT_TRUE(finds("frames of the domains"));
    mm::frames[a[9]].set_owner(a.id());
}

TEST_F(Auditor, CountsWhatItSaw)
{
    std::vector<Account> accounts(mm::frames.limit().value);
    FoundLines found;
    audit::Domains domains;
    audit::Auditor auditor(accounts, domains, found);
    EXPECT_TRUE(auditor.run());
    EXPECT_EQ(auditor.tables(), 8u);
    EXPECT_EQ(auditor.entries(), 2u * (32 + 3));
}

} // namespace
} // namespace rf::pvmmu_tests
