// SPDX-License-Identifier: MIT
// Small machines show most mistakes, and all that happens in them can be looked at: every sequence of a dozen operations
// on three frames of a guest, while the control domain maps one of them, to a depth that takes a few seconds. A
// state that was seen before is not walked again.
//
// RF_SCOPE_DEPTH: depth (default 3).
#include "world.hpp"

#include <cstdlib>
#include <functional>
#include <set>

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
        list.push_back({"Dom0 maps", [this] { return map_other(dom0, 40 * page_size, entry(f(0), read_write), a.id()); }});
        list.push_back({"Dom0 unmaps", [this] { return map(dom0, 40 * page_size, 0); }});
        list.push_back({"gdt", [this] {
                            std::uint64_t const frame = f(1).value;
                            return run(a, hypercall::set_gdt, {address(&frame), 512});
                        }});
        list.push_back({"no gdt", [this] { return run(a, hypercall::set_gdt, {0, 0}); }});
        return list;
    }

    /// All that matters for what comes next: states, and the entries that the operations touch.
    using Picture = std::vector<std::uint64_t>;
    Picture picture() const
    {
        Picture all;
        for (unsigned i = 0; i < own; ++i) {
            all.push_back(state(f(i)).word());
            all.push_back(slot(f(i), 0));
            all.push_back(slot(f(i), 1));
            all.push_back(slot(a[3], 40 + i));
        }
        all.push_back(slot(dom0[3], 40));
        all.push_back(a.vcpu().pv.gdt_entries);
        return all;
    }
    /// Everything that the operations can change, to put the machine into a state found before.
    struct Snapshot {
        struct Saved {
            Mfn mfn;
            std::uint64_t state, first, second;
            std::uint32_t stamp;
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
            all.frames[i] = {f(i), state(f(i)).word(), slot(f(i), 0), slot(f(i), 1), mm::frames[f(i)].stamp_or_progress};
            all.views[i] = slot(a[3], 40 + i);
        }
        return all;
    }
    void put(Snapshot const& all)
    {
        for (unsigned i = 0; i < own; ++i) {
            mm::frames[f(i)].state = all.frames[i].state;
            mm::frames[f(i)].stamp_or_progress = all.frames[i].stamp;
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
    unsigned const depth = text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 3;
    start(a);
    start(dom0);
    auto const list = operations();
    audits = false;
    struct Reached {
        Snapshot snapshot;
        std::string story;
    };
    Snapshot const beginning = take();
    std::set<Picture> seen{picture()};
    std::vector<Reached> edge{{beginning, ""}};
    std::uint64_t steps = 0;
    for (unsigned length = 0; length < depth && !edge.empty(); ++length) {
        std::vector<Reached> next;
        for (Reached const& from : edge)
            for (Operation const& operation : list) {
                put(from.snapshot);
                (void)operation.act();
                ++steps;
                if (!seen.insert(picture()).second)
                    continue;
                std::string const story = from.story + operation.name + "; ";
                audit_is_clean("after a sequence");
                ASSERT_FALSE(HasFailure()) << story;
                next.push_back({take(), story});
            }
        edge = std::move(next);
    }
    put(beginning);
    std::printf("small scope: depth %u, %zu states, %lu steps\n", depth, seen.size(), steps);
    EXPECT_GT(seen.size(), 4000u) << "the scope is not that small";
}

} // namespace
} // namespace rf::pvmmu_tests
