// SPDX-License-Identifier: MIT
// Small machines show most mistakes, and all that happens in them can be looked at: every sequence of six of four dozen
// operations on three frames of a guest, while the control domain maps one of them. A state that was seen before is not walked
// again, nor is one that differs only in which frame is which. After each step the uses of the three frames are counted anew from the
// entries; the audit of the whole machine follows where a state is new, now and then.
//
// RF_SCOPE_DEPTH: depth (default 6).
#include "world.hpp"

#include <cstdlib>
#include <functional>
#include <unordered_set>

namespace rf::pvmmu_tests {
namespace {

class SmallScope : public World {
protected:
    static constexpr unsigned own = 3;

    struct Operation {
        std::string name;
        std::function<std::int64_t()> act;
    };

    /// The three frames are f(0), f(1), f(2); frame 3 of the running guest's tables maps them.
    [[nodiscard]] Mfn f(unsigned i) const { return a[40 + i]; }
    /// Which of them `mfn` is; `own` for none. They need not lie side by side.
    [[nodiscard]] unsigned number_of(Mfn mfn) const
    {
        unsigned number = 0;
        while (number < own && f(number) != mfn)
            ++number;
        return number;
    }

    std::vector<Operation> operations()
    {
        std::vector<Operation> list;
        for (unsigned i = 0; i < own; ++i) {
            for (unsigned level : {1u, 2u})
                list.push_back({"pin " + std::to_string(i) + " level " + std::to_string(level), [=, this] { return pin(a, f(i), level); }});
            list.push_back({"unpin " + std::to_string(i), [=, this] { return unpin(a, f(i)); }});
            list.push_back({"map writable " + std::to_string(i), [=, this] { return map(a, (40 + i) * page_size, entry(f(i), read_write)); }});
            list.push_back({"map " + std::to_string(i), [=, this] { return map(a, (40 + i) * page_size, entry(f(i), readable)); }});
            list.push_back({"unmap " + std::to_string(i), [=, this] { return map(a, (40 + i) * page_size, 0); }});
            for (unsigned k = 0; k < own; ++k) {
                list.push_back({"link " + std::to_string(i) + " to " + std::to_string(k), [=, this] { return write(a, f(i), 0, entry(f(k), link)); }});
                list.push_back({"look " + std::to_string(i) + " to " + std::to_string(k), [=, this] { return write(a, f(i), 1, entry(f(k), readable)); }});
            }
            list.push_back({"clear " + std::to_string(i), [=, this] { return write(a, f(i), 0, 0); }});
        }
        for (unsigned i = 0; i < own; ++i) {
            list.push_back({"Dom0 maps " + std::to_string(i), [=, this] { return map_other(dom0, 40 * page_size, entry(f(i), read_write), a.id()); }});
            list.push_back({"gdt " + std::to_string(i), [=, this] {
                                std::uint64_t const frame = f(i).value;
                                return run(a, hypercall::set_gdt, {address(&frame), 512});
                            }});
        }
        list.push_back({"Dom0 unmaps", [this] { return map(dom0, 40 * page_size, 0); }});
        list.push_back({"no gdt", [this] { return run(a, hypercall::set_gdt, {0, 0}); }});
        return list;
    }

    /// When a frame was last used decides what is flushed, and nothing else.
    static mm::FrameState without_moments(mm::FrameState state) { return state.idle() ? state.idle_since(0) : state; }
    /// All that matters for what comes next: states, and the entries that the operations touch; the same for states that
    /// differ only in which of the three frames is which.
    std::uint64_t picture() const
    {
        std::array<unsigned, own> order{0, 1, 2};
        std::uint64_t least = ~0ull;
        do
            least = std::min(least, picture_in(order));
        while (std::ranges::next_permutation(order).found);
        return least;
    }
    std::uint64_t picture_in(std::array<unsigned, own> const& order) const
    {
        std::array<unsigned, own> place{};
        for (unsigned i = 0; i < own; ++i)
            place[order[i]] = i;
        std::uint64_t hash = 0;
        auto const add = [&](std::uint64_t word) {
            hash = (hash ^ word) * 0x9e37'79b9'7f4a'7c15ull;
            hash ^= hash >> 29;
        };
        auto const add_entry = [&](std::uint64_t bits) {
            unsigned const number = number_of(Entry{bits}.frame());
            add(number < own ? (bits & 0xfff) | std::uint64_t{place[number] + 1} << 12 : bits);
        };
        for (unsigned i : order) {
            add(without_moments(state(f(i))).word());
            add_entry(slot(f(i), 0));
            add_entry(slot(f(i), 1));
            add_entry(slot(a[3], 40 + i));
        }
        add_entry(slot(dom0[3], 40));
        add(a.vcpu().pv.gdt_entries ? place[number_of(a.vcpu().pv.gdt_frames[0])] + 1 : 0);
        return hash;
    }
    /// What a refused operation has begun to give back, as the next operation would go on with it.
    void finish_undoing()
    {
        LockGuard guard(a.domain->space.lock);
        Budget plenty{~0u};
        EXPECT_EQ(pvmmu::drain(a.domain->space, plenty), Progress::done);
    }
    /// References and type uses that the entries, pins and descriptor tables come to; empty if the frames say the same.
    std::string recount() const
    {
        std::array<std::uint64_t, own> references{}, uses{};
        auto const leaf = [&](std::uint64_t bits) {
            Entry const each{bits};
            if (!each.is_present() || number_of(each.frame()) >= own)
                return;
            ++references[number_of(each.frame())];
            uses[number_of(each.frame())] += (bits & Entry::writable) != 0;
        };
        for (unsigned i = 0; i < own; ++i) {
            ++references[i];
            leaf(slot(a[3], 40 + i));
            auto const now = state(f(i));
            references[i] += now.pinned();
            uses[i] += now.pinned();
            if (!now.validated() || now.type_count() == 0)
                continue;
            for (unsigned index : {0u, 1u})
                if (now.type() == FrameType::l1)
                    leaf(slot(f(i), index));
                else if (Entry const each{slot(f(i), index)}; mm::table_level(now.type()) > 1 && each.is_present() && number_of(each.frame()) < own)
                    ++references[number_of(each.frame())], ++uses[number_of(each.frame())];
        }
        leaf(slot(dom0[3], 40));
        if (a.vcpu().pv.gdt_entries != 0) {
            unsigned const number = number_of(a.vcpu().pv.gdt_frames[0]);
            ++references[number], ++uses[number];
        }
        std::string wrong;
        for (unsigned i = 0; i < own; ++i)
            if (auto const now = state(f(i)); now.references() != references[i] || now.type_count() != uses[i])
                wrong += "frame " + std::to_string(i) + " says " + std::to_string(now.references()) + "/" + std::to_string(now.type_count()) +
                         ", counted " + std::to_string(references[i]) + "/" + std::to_string(uses[i]) + "; ";
        return wrong;
    }
    /// Everything that the operations can change, to put the machine into a state found before.
    struct Snapshot {
        struct Saved {
            Mfn mfn;
            std::uint64_t state, first, second;
        };
        std::array<Saved, own> frames;
        std::array<std::uint64_t, own> views;
        std::uint64_t foreign_view;
        std::array<Mfn, 14> gdt_frames;
        unsigned gdt_entries;
    };
    Snapshot take() const
    {
        Snapshot all{{}, {}, slot(dom0[3], 40), a.vcpu().pv.gdt_frames, a.vcpu().pv.gdt_entries};
        for (unsigned i = 0; i < own; ++i) {
            all.frames[i] = {f(i), state(f(i)).word(), slot(f(i), 0), slot(f(i), 1)};
            all.views[i] = slot(a[3], 40 + i);
        }
        return all;
    }
    void put(Snapshot const& all)
    {
        for (unsigned i = 0; i < own; ++i) {
            mm::frames[f(i)].state = all.frames[i].state;
            slot(f(i), 0) = all.frames[i].first;
            slot(f(i), 1) = all.frames[i].second;
            slot(a[3], 40 + i) = all.views[i];
        }
        slot(dom0[3], 40) = all.foreign_view;
        a.vcpu().pv.gdt_frames = all.gdt_frames;
        a.vcpu().pv.gdt_entries = all.gdt_entries;
    }
};

TEST_F(SmallScope, EveryShortSequenceKeepsTheCounts)
{
    char const* const text = std::getenv("RF_SCOPE_DEPTH");
    unsigned const depth = text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 6;
    start(a);
    start(dom0);
    auto const list = operations();
    audits = false;
    struct Reached {
        Snapshot snapshot;
        std::vector<std::uint8_t> story;
    };
    auto const told = [&](Reached const& from, std::size_t last) {
        std::string all;
        for (std::uint8_t each : from.story)
            all += list[each].name + "; ";
        return all + list[last].name;
    };
    Snapshot const beginning = take();
    std::unordered_set<std::uint64_t> seen{picture()};
    std::vector<Reached> edge{{beginning, {}}};
    std::uint64_t steps = 0;
    constexpr std::size_t states_between_audits = 4096;
    for (unsigned length = 1; length <= depth && !edge.empty(); ++length) {
        std::vector<Reached> next;
        for (Reached const& from : edge)
            for (std::size_t operation = 0; operation < list.size(); ++operation) {
                put(from.snapshot);
                (void)list[operation].act();
                ++steps;
                finish_undoing();
                std::string const wrong = recount();
                ASSERT_EQ(wrong, "") << told(from, operation);
                if (!seen.insert(picture()).second)
                    continue;
                if (length <= 1 || seen.size() % states_between_audits == 0) {
                    audit_is_clean("after a sequence");
                    ASSERT_FALSE(HasFailure()) << told(from, operation);
                }
                if (length == depth)
                    continue;
                next.push_back({take(), from.story});
                next.back().story.push_back(static_cast<std::uint8_t>(operation));
            }
        edge = std::move(next);
    }
    put(beginning);
    std::printf("small scope: depth %u, %zu states, %lu steps\n", depth, seen.size(), steps);
    EXPECT_GT(seen.size(), 4000u) << "the scope is not that small";
}

} // namespace
} // namespace rf::pvmmu_tests
