// SPDX-License-Identifier: MIT
// Story: somebody who does not trust the source reads what the linker made of it: what may be written and run, where guests
// are returned to, and what stands on every path through the guarded doors.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "code.hpp"

namespace rf::image {
namespace {

const Code& code() {
    static const Code read = read_code(RF_IMAGE);
    return read;
}

TEST(Image, NothingIsBothWritableAndExecutable) {
    static const std::regex load{R"(^\s+LOAD\s+\S+ \S+ \S+ \S+ \S+ (...) )"};
    std::istringstream lines{output_of("readelf -lW " RF_IMAGE)};
    int segments = 0, executable = 0;
    std::smatch found;
    for (std::string line; std::getline(lines, line);) {
        if (!std::regex_search(line, found, load)) continue;
        const auto flags = found[1].str();
        ++segments;
        executable += flags.find('E') != std::string::npos;
        EXPECT_FALSE(flags.find('E') != std::string::npos && flags.find('W') != std::string::npos) << line;
    }
    EXPECT_EQ(segments, 4);
    EXPECT_EQ(executable, 1);
}

TEST(Image, LeavesTheGuestsVectorRegistersAlone) {
    ASSERT_GT(code().instructions.size(), 40'000u);
    static const std::regex vector{"%(xmm|ymm|zmm|mm|st)"};
    for (const auto& [address, one] : code().instructions) {
        const bool is_their_keeper = one.function.find("ExtendedState") != std::string::npos;
        EXPECT_TRUE(is_their_keeper || !std::regex_search(one.operands, vector)) << one.function << ": " << one.name << ' ' << one.operands;
    }
}

TEST(Image, GuestsAreReturnedToByTheDoorsAlone) {
    std::set<std::string> places;
    for (const auto& [address, one] : code().instructions)
        if (one.returns_to_guest()) places.insert(one.function);
    const std::set<std::string> expected{
        "iret_to_guest", "resume_by_sysret", "resume_after_syscall", "entry_bounce_quickly", "entry_iret_to_user",
        "guarded_iret", "guarded_resume_by_sysret", "guarded_resume_after_syscall", "guarded_bounce_quickly", "guarded_iret_to_user", "guarded_nmi",
        // back into the hypervisor, but for an NMI that met a guest
        "entry_from_hypervisor", "entry_nmi", "entry_debug", "guarded_from_hypervisor", "guarded_debug"};
    EXPECT_EQ(places, expected);
}

/// Where the gate to guests' memory is opened and closed (cpu/access_gate.h), by address.
struct Gate {
    std::set<std::uint64_t> opens, closes;
};

Gate read_gate() {
    Gate gate;
    const auto words = read_words(RF_IMAGE, "access_sites_start", "access_sites_end");
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
        EXPECT_TRUE(words[i + 1] == 0xcb || words[i + 1] == 0xca);
        (words[i + 1] == 0xcb ? gate.opens : gate.closes).insert(words[i]);
    }
    return gate;
}

/// Instructions that may fault, and where they land then.
std::map<std::uint64_t, std::uint64_t> read_fixups() {
    const auto words = read_words(RF_IMAGE, "fixup_table_start", "fixup_table_end");
    std::map<std::uint64_t, std::uint64_t> fixups;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) fixups[words[i]] = words[i + 1];
    return fixups;
}

/// Walks all ways through the assembly that touches guests' memory, both ways at each branch and with a fault at each access.
class GateWalk {
public:
    void from(const std::string& label, bool open) { go(code().labels.at(label), open); }
    void run() {
        while (!ahead_.empty()) {
            const auto [address, open] = ahead_.back();
            ahead_.pop_back();
            step(code().instructions.at(address), open);
        }
    }
    std::size_t accesses() const { return accesses_.size(); }
    std::size_t leaves() const { return leaves_; }
    const Gate& gate() const { return gate_; }

private:
    void go(std::uint64_t address, bool open) {
        if (seen_.insert({address, open}).second) ahead_.push_back({address, open});
    }
    void step(const Instruction& one, bool open) {
        if (gate_.opens.contains(one.address) || gate_.closes.contains(one.address)) {
            EXPECT_EQ(one.next - one.address, 3u) << one.function << ": no room for the instruction";
            return go(one.next, gate_.opens.contains(one.address));
        }
        if (const auto fixup = fixups_.find(one.address); fixup != fixups_.end() && !one.returns_to_guest()) {
            accesses_.insert(one.address);
            EXPECT_TRUE(open) << one.function << ": " << one.name << ' ' << one.operands;
            go(fixup->second, open);
        }
        const bool ends = one.returns_to_guest() || one.name.starts_with("ret") || one.name == "ud2";
        if (ends || one.is_call()) {
            ++leaves_;
            EXPECT_FALSE(open) << one.function << " goes on to " << one.operands << " with the gate open";
        }
        if (one.target != 0 && !one.is_call()) go(one.target, open);
        if (!ends && !(one.is_jump() && one.target != 0)) go(one.next, open);
    }

    Gate gate_ = read_gate();
    std::map<std::uint64_t, std::uint64_t> fixups_ = read_fixups();
    std::set<std::pair<std::uint64_t, bool>> seen_;
    std::vector<std::pair<std::uint64_t, bool>> ahead_;
    std::set<std::uint64_t> accesses_;
    std::size_t leaves_ = 0;
};

// SMAP: the gate is open at every access that may fault, closed before anything else is called or returned to, and opened
// nowhere but in copies and the two short ways of system calls.
TEST(Image, TheGateToGuestsMemoryIsOpenForCopiesAlone) {
    GateWalk walk;
    std::set<std::string> openers;
    for (const auto address : walk.gate().opens) openers.insert(code().instructions.at(address).function);
    std::set<std::string> expected{"guest_copy", "guest_copy_dword", "guest_clear", "guest_put_interrupted",
                                   "guest_put_interrupted_with_error", "entry_bounce_quickly", "entry_iret_quickly",
                                   "guarded_bounce_quickly", "guarded_iret_quickly"};
    for (unsigned words = 1; words <= 16; ++words) expected.insert("guest_copy_words_" + std::to_string(words));
    EXPECT_EQ(openers, expected);
    for (const auto& opener : expected)
        if (opener.starts_with("guest_")) walk.from(opener, false);
    for (const std::string doors : {"entry_", "guarded_"}) {
        walk.from(doors + "syscall64", false);
        walk.from(doors + "syscall32", false);
        // A guest may set the flag that opens the gate, and these doors keep its flags.
        for (const std::string door : {"common", "debug", "nmi", "double_fault", "machine_check", "sysenter"}) walk.from(doors + door, true);
    }
    walk.run();
    EXPECT_GE(walk.accesses(), 3u + 32 + 2 + 15 + 2 * 15);
    EXPECT_GE(walk.leaves(), 30u);
}

// Spectre, variant 1: a number from a guest that chooses from a table goes through cpu::clamp_index, which is a comparison and
// CMOVAE of 64 bits. Functions in which each of the tables is looked up:
TEST(Image, NumbersFromGuestsAreClamped) {
    std::set<std::string> clamping;
    const Instruction* before = nullptr;
    for (const auto& [address, one] : code().instructions) {
        if (one.name == "cmovae" && before != nullptr && before->name.starts_with("cmp")) clamping.insert(one.function);
        before = &one;
    }
    for (const std::string place : {"on_hypercall", "9multicall", "7vcpu_op", "10write_leaf", "14take_reference", "16give_up_ordinary",
                                    "10EventTable4send", "10EventTable6unmask", "10GrantTable3map", "10GrantTable5unmap", "10GrantTable4hold", "2rf6domain4find"})
        EXPECT_TRUE(std::ranges::any_of(clamping, [&](const std::string& name) { return name.find(place) != std::string::npos; })) << place;
}

constexpr std::string_view thunk_of = "__x86_indirect_thunk_";

// Spectre, variant 2: the hypervisor branches to addresses in registers by its thunks alone, which boot may make returns (the first jump of
// all, from where the loader put us to where we are linked, comes before there are guests). The short ways of the doors do without.
TEST(Image, IndirectBranchesGoThroughTheThunks) {
    std::set<std::string> elsewhere, users;
    for (const auto& [address, one] : code().instructions) {
        if ((one.is_jump() || one.is_call()) && one.target == 0) elsewhere.insert(one.function);
        if (const auto callee = code().names.find(one.target); callee != code().names.end() && callee->second.starts_with(thunk_of)) users.insert(one.function);
    }
    EXPECT_EQ(elsewhere, std::set<std::string>{"long_mode"});
    EXPECT_GT(users.size(), 50u);
    EXPECT_TRUE(users.contains("on_hypercall"));
    for (const auto& user : users) EXPECT_FALSE(user.starts_with("entry_") || user.starts_with("guarded_")) << user;
}

// Each thunk as it is linked: the call's own return is foretold to lead to a loop that goes nowhere, and in truth leads to the register.
TEST(Image, ThunksReturnToTheirRegister) {
    unsigned thunks = 0;
    for (const auto& [label, address] : code().labels) {
        if (!label.starts_with(thunk_of)) continue;
        ++thunks;
        const auto at = [](std::uint64_t where) { return code().instructions.at(where); };
        const auto call = at(address);
        EXPECT_EQ(address % 32, 0u) << label;
        EXPECT_TRUE(call.is_call()) << label;
        const auto pause = at(call.next), fence = at(pause.next), loop = at(fence.next);
        EXPECT_EQ(pause.name + ' ' + fence.name, "pause lfence") << label;
        EXPECT_TRUE(loop.is_jump() && loop.target == call.next) << label;
        const auto store = at(call.target), back = at(store.next);
        EXPECT_EQ(store.operands, "%" + label.substr(thunk_of.size()) + ",(%rsp)") << label;
        EXPECT_TRUE(back.name.starts_with("ret")) << label;
    }
    EXPECT_EQ(thunks, 16u);
}

/// What a path has behind it.
struct Passed {
    bool root = false;     ///< our root was loaded, or there was none to change for
    bool fence = false;
    bool emptied = false;  ///< VERW, and nothing but the stack was touched since
    auto operator<=>(const Passed&) const = default;
};

/// Takes all paths from one place, both ways at each branch.
class Walk {
public:
    explicit Walk(std::string name) : name_(std::move(name)) {}

    void from(std::uint64_t address, Passed passed) {
        std::vector<std::pair<std::uint64_t, Passed>> open{{address, passed}};
        while (!open.empty()) {
            auto [at, now] = open.back();
            open.pop_back();
            if (!seen_.emplace(at, now).second) continue;
            const auto found = code().instructions.find(at);
            if (found == code().instructions.end()) {
                ADD_FAILURE() << name_ << ": a path leads out of the code";
                continue;
            }
            step(found->second, now, open);
        }
    }
    int handlers = 0, exits = 0;

private:
    using Open = std::vector<std::pair<std::uint64_t, Passed>>;

    void step(const Instruction& one, Passed now, Open& open) {
        if (one.returns_to_guest()) {
            ++exits;
            EXPECT_TRUE(now.emptied) << name_ << ": a return without VERW in " << one.function;
            return;
        }
        if (one.name == "ud2") return;
        const bool stack = one.operands.find("(%rsp)") != std::string::npos || one.operands.find('(') == std::string::npos;
        if (one.name == "verw") now.emptied = true;
        else if (!stack || one.is_call()) now.emptied = false;
        now.fence = now.fence || one.name == "lfence";
        now.root = now.root || one.loads_root();
        if (one.is_call()) called(one, now);
        if (one.is_branch()) {
            Passed taken = now;
            // A branch over nothing but the change of root: there is none to change for.
            const auto next = code().instructions.find(one.next);
            taken.root = taken.root || (next->second.loads_root() && next->second.next == one.target);
            open.emplace_back(one.target, taken);
        }
        if (one.is_jump()) {
            ASSERT_NE(one.target, 0u) << name_ << ": an indirect jump in " << one.function;
            open.emplace_back(one.target, now);
        } else {
            open.emplace_back(one.next, now);
        }
    }

    void called(const Instruction& one, const Passed& now) {
        const auto callee = code().names.find(one.target);
        ASSERT_NE(callee, code().names.end()) << name_ << ": an indirect call in " << one.function;
        if (!callee->second.starts_with("on_") && callee->second.find("on_") == std::string::npos) return;  // of the doors' own
        ++handlers;
        EXPECT_TRUE(now.root) << name_ << ": " << callee->second << " runs on a guest's view";
        EXPECT_TRUE(now.fence || callee->second.find("on_nmi") != std::string::npos) << name_ << ": no fence before " << callee->second;
    }

    std::string name_;
    std::set<std::pair<std::uint64_t, Passed>> seen_;
};

TEST(Image, EveryPathThroughTheGuardedDoorsIsGuarded) {
    for (const auto* door : {"guarded_from_guest", "guarded_syscall64", "guarded_syscall32", "guarded_sysenter", "guarded_iret_refused", "guarded_nmi"}) {
        ASSERT_TRUE(code().labels.contains(door)) << door;
        Walk walk{door};
        walk.from(code().labels.at(door), {});
        EXPECT_GT(walk.handlers, 0) << door;
        EXPECT_GT(walk.exits, 0) << door;
    }
}

TEST(Image, TheWalkSeesWhatIsMissing) {
    // The plain doors have none of it: if the walk finds nothing there, it finds nothing anywhere.
    testing::TestPartResultArray failures;
    {
        testing::ScopedFakeTestPartResultReporter reporter(testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
        Walk walk{"plain"};
        walk.from(code().labels.at("entry_from_guest"), {});
    }
    std::string text;
    for (int i = 0; i < failures.size(); ++i) text += failures.GetTestPartResult(i).message();
    EXPECT_NE(text.find("runs on a guest's view"), std::string::npos) << text;
    EXPECT_NE(text.find("no fence before"), std::string::npos) << text;
    EXPECT_NE(text.find("a return without VERW"), std::string::npos) << text;
}

}  // namespace
}  // namespace rf::image
