// SPDX-License-Identifier: MIT
/// The doors of libFuzzer, for a program with one target. The first expectation that fails ends it, like any crash.
#include "target.hpp"

#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

namespace {

class EndAtOnce final : public testing::EmptyTestEventListener {
    void OnTestPartResult(testing::TestPartResult const& result) override
    {
        if (!result.failed())
            return;
        std::fprintf(stderr, "%s:%d: %s\n", result.file_name() ? result.file_name() : "", result.line_number(), result.message());
        std::abort();
    }
};

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***)
{
    testing::UnitTest::GetInstance()->listeners().Append(new EndAtOnce);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    rf::fuzz::targets().front().run({data, size});
    return 0;
}
