// SPDX-License-Identifier: MIT
#include "code.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <regex>
#include <sstream>

namespace rf::image {
namespace {

Instruction parse_instruction(const std::string& line, std::size_t colon) {
    Instruction one;
    one.address = std::stoull(line.substr(0, colon), nullptr, 16);
    std::istringstream words{line.substr(colon + 1)};
    words >> one.name;
    // Prefixes stand before the name.
    while (one.name == "lock" || one.name == "rep" || one.name == "repz" || one.name == "cs" || one.name == "data16")
        if (!(words >> one.name)) break;
    std::getline(words >> std::ws, one.operands);
    if (const auto remark = one.operands.find('#'); remark != std::string::npos) one.operands.erase(remark);
    while (one.operands.ends_with(' ')) one.operands.pop_back();
    if ((one.name.starts_with('j') || one.is_call()) && !one.operands.starts_with('*'))
        one.target = std::stoull(one.operands, nullptr, 16);
    return one;
}

}  // namespace

std::string output_of(const std::string& command) {
    std::string text;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) {
        ADD_FAILURE() << "cannot run " << command;
        return text;
    }
    char bytes[65536];
    for (std::size_t count; (count = std::fread(bytes, 1, sizeof bytes, pipe)) > 0;) text.append(bytes, count);
    EXPECT_EQ(::pclose(pipe), 0) << command;
    return text;
}

Code read_code(const std::string& image) {
    Code code;
    std::istringstream lines{output_of("objdump -d --no-show-raw-insn --wide " + image)};
    std::string function;
    Instruction* last = nullptr;
    for (std::string line; std::getline(lines, line);) {
        if (line.ends_with(">:")) {
            const auto address = std::stoull(line.substr(0, 16), nullptr, 16);
            function = line.substr(18, line.size() - 20);
            code.labels[function] = address;
            code.names[address] = function;
            continue;
        }
        const auto colon = line.find(":\t");
        if (colon == std::string::npos || line.find("(bad)") != std::string::npos) continue;
        auto one = parse_instruction(line, colon);
        one.function = function;
        if (last != nullptr) last->next = one.address;
        last = &code.instructions.emplace(one.address, std::move(one)).first->second;
    }
    return code;
}

std::vector<std::uint64_t> read_words(const std::string& image, const std::string& first, const std::string& end) {
    std::istringstream symbols{output_of("nm " + image)};
    std::string address, kind, name, from, to;
    while (symbols >> address >> kind >> name) {
        if (name == first) from = address;
        if (name == end) to = address;
    }
    std::istringstream lines{output_of("objdump -s --start-address=0x" + from + " --stop-address=0x" + to + " " + image)};
    std::string bytes;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(" ff")) continue;
        // " address 11223344 55667788 11223344 55667788  text": groups of bytes in memory's order
        std::istringstream groups{line.substr(0, line.find("  "))};
        std::string group;
        groups >> group;
        while (groups >> group) bytes += group;
    }
    std::vector<std::uint64_t> words;
    for (std::size_t at = 0; at + 16 <= bytes.size(); at += 16) {
        std::uint64_t word = 0;
        for (int i = 7; i >= 0; --i) word = word << 8 | std::stoul(bytes.substr(at + 2 * static_cast<std::size_t>(i), 2), nullptr, 16);
        words.push_back(word);
    }
    return words;
}

}  // namespace rf::image
