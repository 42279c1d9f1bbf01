// SPDX-License-Identifier: MIT
// Story: somebody who does not trust the source reads what the linker made of it: what may be written and run, where guests
// are returned to, and what stands on every path through the guarded doors.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

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
        "guarded_iret", "guarded_resume_by_sysret", "guarded_bounce_quickly", "guarded_iret_to_user", "guarded_nmi",
        // back into the hypervisor, but for an NMI that met a guest
        "entry_from_hypervisor", "entry_nmi", "entry_debug", "guarded_from_hypervisor", "guarded_debug"};
    EXPECT_EQ(places, expected);
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
