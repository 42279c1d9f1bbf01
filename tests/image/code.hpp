// SPDX-License-Identifier: MIT
// The code of an image, as objdump tells it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rf::image {

struct Instruction {
    std::uint64_t address = 0, next = 0;
    std::string name;      ///< mnemonic
    std::string operands;  ///< as written, without objdump's remarks
    std::uint64_t target = 0;  ///< of a direct jump or call
    std::string function;  ///< the label that it stands behind

    [[nodiscard]] bool is_jump() const { return name == "jmp" || name == "jmpq"; }
    [[nodiscard]] bool is_branch() const { return name.starts_with('j') && !is_jump(); }
    [[nodiscard]] bool is_call() const { return name.starts_with("call"); }
    [[nodiscard]] bool returns_to_guest() const { return name == "iretq" || name.starts_with("sysret"); }
    [[nodiscard]] bool loads_root() const { return name == "mov" && operands.ends_with(",%cr3"); }
};

struct Code {
    std::map<std::uint64_t, Instruction> instructions;
    std::map<std::string, std::uint64_t> labels;
    std::map<std::uint64_t, std::string> names;
};

/// What a program prints; fails the test when it does not run.
[[nodiscard]] std::string output_of(const std::string& command);
/// Disassembles the image.
[[nodiscard]] Code read_code(const std::string& image);
/// The 64-bit words between two symbols.
[[nodiscard]] std::vector<std::uint64_t> read_words(const std::string& image, const std::string& first, const std::string& end);

}  // namespace rf::image
