// SPDX-License-Identifier: MIT
// An entry of each level goes from every combination of flags that it can have to every combination that a guest can ask
// for, with the same target and with another one. A model in plain numbers says beforehand what is refused, what is stored,
// which references move and when the processors must flush; now and then the audit counts everything.
//
// All pairs of ten bits: present, writable, user, PCD, accessed, PS/PAT, global, available 9, 52 (our mark), no-execute.
// Left out of the pairs, because the rules treat them as a bit of the same class: PWT (as PCD), dirty (as accessed), 10, 11
// and 53 to 62 (as 9). Each of those, and each address bit above the machine's memory, is tried singly, by hypercalls.
#include "world.hpp"

#include <optional>

namespace rf::pvmmu_tests {
namespace {

enum class Devices : std::uint8_t { none, drives };

constexpr unsigned pair_bits[] = {0, 1, 2, 4, 5, 7, 8, 9, 52, 63};
constexpr unsigned combinations = 1u << std::size(pair_bits);

constexpr std::uint64_t flags_of(unsigned combination)
{
    std::uint64_t flags = 0;
    for (unsigned i = 0; i < std::size(pair_bits); ++i)
        flags |= std::uint64_t{combination >> i & 1} << pair_bits[i];
    return flags;
}

/// The rules of docs/page-types.md for one entry of RAM: what becomes of it, or nothing if it is refused.
constexpr std::optional<std::uint64_t> stored_as(unsigned level, std::uint64_t value, Devices devices)
{
    constexpr std::uint64_t user = 4, through_and_disable = 0x18, accessed = 0x20, seventh = 0x80, global = 0x100;
    constexpr std::uint64_t kernels = 1ull << 52, beyond_the_machine = 0x000f'ff00'0000'0000;
    if (!(value & 1))
        return value;
    if (value & beyond_the_machine)
        return {};
    bool const odd_caching = value & (through_and_disable | seventh);
    if (level > 1) {
        if (odd_caching || value & global)
            return {};
        return value | user | (level == 4 ? accessed : 0);
    }
    if (odd_caching && devices == Devices::none)
        return {};
    if (!(value & user))
        return value | user | kernels;
    return value & kernels ? value : value | global;
}

/// Uses and references of one frame.
struct Counts {
    std::uint64_t references, uses;
    bool operator==(Counts const&) const = default;
};
Counts counts_of(Mfn mfn) { return {state(mfn).references(), state(mfn).type_count()}; }

class EntryPairs : public World {
protected:
    static constexpr unsigned place_index = 200;
    static constexpr std::uint64_t target_pages[] = {50, 51}; ///< of level-1 entries
    /// Tables that entries of levels 2..4 name, one level lower: the first is pinned, the second is validated by its first
    /// use and undone after the last one.
    static constexpr unsigned lower_tables[] = {40, 44};

    EntryPairs() { pvmmu::entry_limits.frame_limit = 1ull << (40 - page_shift); } // a processor of 40 address bits
    ~EntryPairs() override { pvmmu::entry_limits = limits_before; }

    /// Domain `who` with an entry to play with in its table of `level`.
    void prepare(Guest& who, unsigned level)
    {
        guest = &who;
        level_ = level;
        place = {who[4 - level], place_index};
        targets[0] = who[level == 1 ? 50 : lower_tables[0] + level];
        targets[1] = who[level == 1 ? 51 : lower_tables[1] + level];
        if (level > 1) {
            for (Mfn table : targets)
                std::memset(direct(table), 0, page_size);
            ASSERT_EQ(pin(who, targets[0], level - 1), 0);
            ASSERT_EQ(pin(who, targets[1], level - 1), 0);
            ASSERT_EQ(unpin(who, targets[1]), 0); // so it was a table once, which processors may remember
        }
        for (unsigned i = 0; i < 2; ++i)
            unused[i] = counts_of(targets[i]);
    }
    void finish()
    {
        ASSERT_EQ(store(0), std::nullopt);
        if (level_ > 1) {
            ASSERT_EQ(unpin(*guest, targets[0]), 0);
        }
        audit_is_clean("after all pairs");
    }

    /// The functions that mmu_update ends in; an error, or nothing.
    std::optional<Errno> store(std::uint64_t value, pvmmu::Preserve preserve = pvmmu::Preserve::nothing)
    {
        pvmmu::Space& space = guest->domain->space;
        LockGuard guard(space.lock);
        if (level_ == 1) {
            Status const written = pvmmu::write_leaf(space, place, Entry{value}, guest->id(), preserve);
            return written ? std::nullopt : std::optional{written.error()};
        }
        Budget budget{~0u};
        auto const written = pvmmu::write_table_entry(space, place, level_, Entry{value}, preserve, budget);
        EXPECT_EQ(pvmmu::drain(space, budget), Progress::done);
        return written ? std::nullopt : std::optional{written.error()};
    }
    [[nodiscard]] std::uint64_t stored() const { return slot(place.table, place.index); }

    /// What the frames count when the entry is `value`.
    [[nodiscard]] bool counts_fit(std::uint64_t value) const
    {
        for (unsigned i = 0; i < 2; ++i) {
            bool const named = (value & 1) && Entry{value}.frame() == targets[i];
            bool const used = named && (level_ > 1 || (value & 2));
            if (counts_of(targets[i]) != Counts{unused[i].references + named, unused[i].uses + used})
                return false;
        }
        return true;
    }
    /// What vCPU 0 runs on shows top-level entries as they are.
    [[nodiscard]] bool view_fits() const
    {
        return level_ != 4 || slot(guest->vcpu().kernel_view.page(), place.index) == stored();
    }
    /// A table that nobody used is validated before it is used, and what processors remember of its last life is flushed.
    [[nodiscard]] unsigned flushes_due(std::uint64_t old, std::uint64_t fresh) const
    {
        auto const names_second = [&](std::uint64_t value) { return (value & 1) && Entry{value}.frame() == targets[1]; };
        return level_ > 1 && names_second(fresh) && !names_second(old) ? 1 : 0;
    }

    /// `old` is there; what happens to `fresh`?
    void expect_change(std::uint64_t old, std::uint64_t fresh, Devices devices)
    {
        auto const expected = stored_as(level_, fresh, devices);
        unsigned const flushes = cpu::fake_tlb.requests + (expected ? flushes_due(old, fresh) : 0);
        auto const error = store(fresh);
        bool const as_told = expected ? !error : error == Errno::einval;
        ASSERT_TRUE(as_told && stored() == expected.value_or(old) && counts_fit(stored()) && view_fits() &&
                    cpu::fake_tlb.requests == flushes)
            << "level " << level_ << std::hex << ": " << old << " -> " << fresh << " is " << stored() << ", expected "
            << expected.value_or(old) << std::dec << ", refused: " << error.has_value() << ", flushes off by "
            << cpu::fake_tlb.requests - flushes << ", counts fit: " << counts_fit(stored());
    }
    void all_pairs(Devices devices)
    {
        for (unsigned from = 0; from < combinations; ++from) {
            std::uint64_t const old = entry(targets[0], flags_of(from));
            if (stored_as(level_, old, devices) != old)
                continue; // no entry ever is so
            for (Mfn target : targets)
                for (unsigned to = 0; to < combinations; ++to) {
                    if (stored() != old) {
                        ASSERT_EQ(store(old), std::nullopt);
                    }
                    ASSERT_EQ(stored(), old);
                    expect_change(old, entry(target, flags_of(to)), devices);
                    if (HasFatalFailure())
                        return;
                }
            if (from % 64 == 0)
                audit_is_clean("in the middle of pairs");
        }
    }

    pvmmu::EntryLimits const limits_before = pvmmu::entry_limits;
    Guest* guest = nullptr;
    unsigned level_ = 0;
    pvmmu::EntryPlace place{};
    Mfn targets[2];
    Counts unused[2]{};
};

TEST_F(EntryPairs, OfAGuestsTables)
{
    start(a);
    for (unsigned level = 1; level <= 4 && !HasFailure(); ++level) {
        prepare(a, level);
        all_pairs(Devices::none);
        finish();
    }
}

TEST_F(EntryPairs, OfLeavesOfADomainThatDrivesDevices)
{
    start(dom0);
    ASSERT_TRUE(dom0.domain->own_rights().value()->device_frames.add(1u << 20, 1u << 20));
    prepare(dom0, 1);
    all_pairs(Devices::drives);
    finish();
}

class EntryBits : public EntryPairs {
protected:
    /// The entries that each single bit is added to: absent, and every meaning that a present one can have.
    static constexpr std::uint64_t bases[] = {0,
                                              2,
                                              1,
                                              3,
                                              readable,
                                              read_write,
                                              readable | 1ull << 52,
                                              read_write | 1ull << 52,
                                              readable | 1ull << 63,
                                              read_write | 1ull << 63,
                                              1ull << 63 | 1 | 1ull << 52};

    /// What update_va_mapping stores at the entry to play with, seen from its own address.
    std::int64_t by_address(std::uint64_t value)
    {
        return map(*guest, place_index * page_size, value);
    }
    void expect(std::int64_t result, std::uint64_t old, std::uint64_t fresh, std::optional<std::uint64_t> expected, char const* by)
    {
        ASSERT_TRUE(result == (expected ? 0 : error(Errno::einval)) && stored() == expected.value_or(old) && counts_fit(stored()))
            << by << ", level " << level_ << std::hex << ": " << old << " -> " << fresh << " is " << stored() << ", expected "
            << expected.value_or(old) << std::dec << ", result " << result;
    }
    void change_by_hypercalls(std::uint64_t old, std::uint64_t fresh)
    {
        auto const settle = [&] { ASSERT_EQ(store(old), std::nullopt); };
        settle();
        auto const expected = stored_as(level_, fresh, Devices::none);
        expect(write(*guest, place.table, place.index, fresh), old, fresh, expected, "mmu_update");
        settle();
        // Accessed and dirty of a present entry stay, if the new one is present, too.
        std::uint64_t const kept = (fresh & 1) ? old & 0x60 : 0;
        expect(write(*guest, place.table, place.index, fresh, domid_self.value, xen::MMU_PT_UPDATE_PRESERVE_AD), old, fresh,
               expected ? std::optional{*expected | kept} : std::nullopt, "mmu_update, preserving");
        settle();
        expect(write(*guest, place.table, place.index, fresh, domid_self.value, xen::MMU_PT_UPDATE_NO_TRANSLATE), old, fresh,
               expected, "mmu_update, untranslated");
        if (level_ == 1) {
            settle();
            expect(by_address(fresh), old, fresh, expected, "update_va_mapping");
        }
    }
    void each_bit_of_each_base(std::uint64_t old)
    {
        for (std::uint64_t base : bases)
            for (Mfn target : targets)
                for (unsigned bit = 0; bit < 64; ++bit) {
                    if (bit >= page_shift && bit < 40)
                        continue; // another frame, which is another story
                    change_by_hypercalls(old, entry(target, base) ^ 1ull << bit);
                    if (HasFatalFailure())
                        return;
                }
    }
};

TEST_F(EntryBits, EachOneByEveryHypercall)
{
    start(a);
    audits = false; // after each level instead
    for (unsigned level = 1; level <= 4 && !HasFailure(); ++level) {
        prepare(a, level);
        for (std::uint64_t old : {std::uint64_t{0}, entry(targets[0], read_write), entry(targets[1], readable),
                                  entry(targets[0], 0x1e5) & ~std::uint64_t{1}})
            each_bit_of_each_base(stored_as(level, old, Devices::none).value());
        finish();
    }
}

TEST_F(EntryBits, AbsentOnesNameNoMemoryWhereProcessorsFollowThem)
{
    // A domain of which entries are demanded that L1TF cannot use: bits 12 to 43 are what the cache looks at.
    start(a);
    audits = false;
    constexpr std::uint64_t end = testing_machine::machine_frames;
    for (unsigned level = 1; level <= 4; ++level) {
        prepare(a, level);
        a.domain->space.end_of_memory = end;
        for (unsigned from = 0; from < 52 - page_shift; ++from)
            for (unsigned to = 0; to < 52 - page_shift; ++to)
                for (std::uint64_t flags : {0ull, 0xffeull, 1ull << 63 | 2}) {
                    std::uint64_t const value = (1ull << from | 1ull << to) << page_shift | flags;
                    std::uint64_t const seen = value >> page_shift & 0xffff'ffff;
                    std::optional<std::uint64_t> expected;
                    if (seen == 0 || seen >= end)
                        expected = value;
                    ASSERT_EQ(store(0), std::nullopt);
                    expect(write(a, place.table, place.index, value), 0, value, expected, "mmu_update");
                }
        a.domain->space.end_of_memory = 0;
        finish();
    }
}

TEST_F(EntryBits, TheFirstWriterOfWhatWasATableFlushes)
{
    // Level 1: what follows depends on what the frame was before, not on the other bits of the entry.
    start(a);
    audits = false;
    prepare(a, 1);
    std::memset(direct(targets[0]), 0, page_size);
    for (unsigned to = 0; to < combinations; ++to) {
        ASSERT_EQ(store(0), std::nullopt);
        ASSERT_EQ(pin(a, targets[0], 1), 0);
        ASSERT_EQ(unpin(a, targets[0]), 0);
        std::uint64_t const fresh = entry(targets[0], flags_of(to));
        auto const expected = stored_as(1, fresh, Devices::none);
        unsigned const before = cpu::fake_tlb.requests;
        ASSERT_EQ(store(fresh).has_value(), !expected.has_value());
        ASSERT_EQ(cpu::fake_tlb.requests - before, expected && (fresh & 3) == 3 ? 1u : 0u) << std::hex << fresh;
        ASSERT_TRUE(counts_fit(stored()));
    }
    finish();
}

} // namespace
} // namespace rf::pvmmu_tests
