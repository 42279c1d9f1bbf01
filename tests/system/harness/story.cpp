// SPDX-License-Identifier: MIT
#include "harness/story.hpp"

#include <regex>
#include <sstream>

namespace rf::system {

void Story::expect_healthy_log() {
    // a crashed user process, a kernel that found itself broken, a hypervisor that did
    static const std::regex sick{
        R"(traps:|segfault|\bBUG\b|\bWARNING\b|\bOops\b|Call Trace|general protection|Kernel panic|Panic on CPU|FATAL)"};
    std::istringstream lines{machine_->log()};
    for (std::string line; std::getline(lines, line);)
        if (std::regex_search(line, sick)) ADD_FAILURE() << "in the log: " << line;
}

}  // namespace rf::system
