// SPDX-License-Identifier: MIT
#pragma once
/// A fuzzer is one source file with one Target in it. Two programs run targets: a libFuzzer binary of its own for each
/// (libfuzzer.cpp), and one GoogleTest program for all (replay_test.cpp). What must hold is said with EXPECT and ASSERT.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rf::fuzz {

using Bytes = std::span<std::uint8_t const>;

struct Target {
    std::string name;       ///< of the source file and of its folder in corpus/
    void (*run)(Bytes);     ///< any bytes, of any number; leaves nothing behind
    unsigned mutations = 0; ///< mutated inputs that `make test` runs
};

/// All targets of this program.
[[nodiscard]] inline std::vector<Target>& targets()
{
    static std::vector<Target> all;
    return all;
}

/// Enters a target before main.
struct Registration {
    explicit Registration(Target target) { targets().push_back(std::move(target)); }
};

} // namespace rf::fuzz
