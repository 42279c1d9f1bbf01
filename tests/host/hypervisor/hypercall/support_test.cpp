// SPDX-License-Identifier: MIT
/// Story: what docs/security/SUPPORT.md calls absent is absent: each operation of its table is called, and answers what the page
/// says. That whole hypercalls are absent is seen in the dispatcher's table, by tests/house.
#include "world.hpp"

#include "xen/numbers.h"

#include <fstream>
#include <regex>

namespace rf::hypercall_tests {
namespace {

class Support : public World {
protected:
    std::int64_t answer(unsigned number, std::uint64_t operation)
    {
        switch (number) {
        case xen::HYPERVISOR_memory_op:
            return run(hypercall::memory_op, operation, &argument);
        case xen::HYPERVISOR_grant_table_op:
            return run(hypercall::grant_table_op, operation, &argument);
        default:
            ADD_FAILURE() << "this test cannot make hypercall " << number;
            return 0;
        }
    }
    alignas(64) std::array<std::byte, 4096> argument{};
};

Errno errno_of(std::string const& name)
{
    if (name == "ENOSYS")
        return Errno::enosys;
    if (name == "EINVAL")
        return Errno::einval;
    EXPECT_EQ(name, "EOPNOTSUPP");
    return Errno::eopnotsupp;
}

TEST_F(Support, WhatIsAbsentAnswersSo)
{
    std::ifstream page{"docs/security/SUPPORT.md"};
    static std::regex const row{R"(\|.*\| `(\d+)/(\d+)` \| (E\w+) \|)"};
    unsigned calls = 0;
    for (std::string line; std::getline(page, line);) {
        std::smatch found;
        if (!std::regex_match(line, found, row))
            continue;
        ++calls;
        auto const number = static_cast<unsigned>(std::stoul(found[1]));
        auto const expected = to_guest(errno_of(found[3]));
        for (domain::Domain* const who : {control, guest}) {
            caller = who;
            EXPECT_EQ(answer(number, std::stoul(found[2])), expected) << line;
        }
    }
    caller = control;
    EXPECT_GE(calls, 18u) << "docs/security/SUPPORT.md has lost its table";
}

} // namespace
} // namespace rf::hypercall_tests
