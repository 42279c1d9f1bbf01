// SPDX-License-Identifier: MIT
// A command measured from its fork to its end, with what daemons do about it afterwards.
#include <cstdlib>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "verbs.hpp"
#include "window.hpp"

namespace rf::bench {

int run_command(Words words)
{
    if (words.size() < 3)
        return 2;
    const char* const name = words[0];
    const long settle = std::atol(words[1]);
    int status = 0;
    {
        const Window window(name, 1);
        const pid_t child = ::vfork();
        if (child == 0) {
            // the words end with main's null pointer
            ::execvp(words[2], words.data() + 2);
            ::_exit(127);
        }
        if (child < 0 || ::waitpid(child, &status, 0) != child)
            status = 127 << 8;
        // waiting executes nothing
        timespec rest{settle / 1000, settle % 1000 * 1'000'000};
        if (settle > 0)
            ::nanosleep(&rest, nullptr);
    }
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code != 0)
        refuse(name, std::string(words[2]) + " ended with status " + std::to_string(code));
    return code;
}

}  // namespace rf::bench
