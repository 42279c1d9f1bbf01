// SPDX-License-Identifier: MIT
// Story: a process that is to be confined keeps no descriptor that it was not given. (What else it gives up needs Dom0's
// devices and is looked at from outside by the story tests/system/split_drivers_test.cpp.)
#include "bin/rf-backd/confinement.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace rf {
namespace {

TEST(Confinement, KeepsOnlyTheDescriptorsItIsTold)
{
    int numbers[8];
    for (int& number : numbers)
        ASSERT_GE(number = ::open("/dev/null", O_RDONLY), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const int kept[] = {numbers[6], numbers[2]};
        if (!backd::close_all_but({kept[0], kept[1]}))
            ::_exit(1);
        for (int number = 0; number < 1024; ++number) {
            const bool open = ::fcntl(number, F_GETFD) >= 0;
            if (number > STDERR_FILENO && open != (number == kept[0] || number == kept[1]))
                ::_exit(2);
        }
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    for (const int number : numbers)
        ::close(number);
}

}  // namespace
}  // namespace rf
