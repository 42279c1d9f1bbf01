// SPDX-License-Identifier: MIT
// kill-at N COMMAND...: runs the command and kills it with SIGKILL at its Nth stop: when it enters or leaves a system call,
// in whichever of its threads. Exits with 137 if it was killed; else prints "stops M" on standard error and exits as the
// command did. Child processes go their own way.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int was_killed = 137;

int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

[[noreturn]] void become(char** command) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    execvp(command[0], command);
    std::perror(command[0]);
    std::_Exit(127);
}

/// Follows all threads until the command ends; its wait status.
int follow(pid_t main, long wanted, long& stops) {
    for (;;) {
        int status = 0;
        const pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR) continue;
        if (thread < 0) return 1 << 8;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (thread == main) return status;
            continue;
        }
        const int signal = WSTOPSIG(status);
        const bool at_system_call = signal == (SIGTRAP | 0x80);
        if (at_system_call && ++stops == wanted) kill(main, SIGKILL);
        // Stops of ptrace's own are no signals for the command.
        const bool own = at_system_call || signal == SIGTRAP || signal == SIGSTOP;
        ptrace(PTRACE_SYSCALL, thread, nullptr, reinterpret_cast<void*>(own ? 0L : static_cast<long>(signal)));
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        std::fputs("usage: kill-at N COMMAND...\n", stderr);
        return 2;
    }
    const long wanted = std::atol(arguments[1]);
    const pid_t main = fork();
    if (main == 0) become(arguments + 2);
    int status = 0;
    if (main < 0 || waitpid(main, &status, 0) != main) return 1;
    ptrace(PTRACE_SETOPTIONS, main, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SYSCALL, main, nullptr, nullptr);
    long stops = 0;
    status = follow(main, wanted, stops);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return was_killed;
    std::fprintf(stderr, "stops %ld\n", stops);
    return status_of(status);
}
