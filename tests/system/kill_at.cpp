// SPDX-License-Identifier: MIT
// kill-at: kills a process with SIGKILL at a system call of its life, so that the call is not carried out.
//
//   kill-at N COMMAND...       at the Nth call of the command, in whichever of its threads
//   kill-at -c N COMMAND...    at the Nth call of the first process that the command forks; the command lives on
//   kill-at -p PID N           at the Nth call that a running process makes from now on; SIGTERM ends the watch
//   kill-at -d ...             counts only calls before which the world may have changed
//
// Calls are counted when they are entered: between two of them nothing changes that others can see. With -d a call counts if it is
// the first, or if the one before it (in any thread) waited, so that others went on, or may have changed what others see once the
// process is dead: a file, a socket, a device, another process. A death behind a call that only looked, or changed the process
// itself, leaves the world as a death before it did. Says "killed at call N (number S)" or "calls M" on standard error. Exits with 137 if it killed the command or process, else as the command did
// (0 for -p). Other child processes go their own way.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace {

constexpr int was_killed = 137;
constexpr int stop_event = 128;  // PTRACE_EVENT_STOP

volatile sig_atomic_t told_to_end = 0;

int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

enum class Victim { command, child, running };
enum class Counted { all, behind_changes };

/// Whether a read of the descriptor finds what is there without waiting.
bool never_waits(pid_t thread, std::uint64_t descriptor) {
    char path[64], text[128];
    std::snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", thread, static_cast<int>(descriptor));
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    text[length < 0 ? 0 : length] = 0;
    const char* const flags = std::strstr(text, "flags:");
    return flags && (std::strtol(flags + 6, nullptr, 8) & O_NONBLOCK);
}

/// Calls before and behind which a death is the same for everybody else: the process looks without waiting, or changes its own
/// memory, descriptors, signals. Not so if it changes what a descriptor refers to, or lets go of it.
bool leaves_nothing(pid_t thread, const __ptrace_syscall_info& info) {
    switch (info.entry.nr) {
    case SYS_read: case SYS_readv: case SYS_recvfrom: case SYS_recvmsg: return never_waits(thread, info.entry.args[0]);
    case SYS_pread64: case SYS_preadv: case SYS_epoll_create1: case SYS_epoll_ctl: case SYS_eventfd2: case SYS_timerfd_create: case SYS_timerfd_settime: case SYS_signalfd4:
    case SYS_stat: case SYS_lstat: case SYS_fstat: case SYS_newfstatat: case SYS_statx: case SYS_statfs: case SYS_fstatfs:
    case SYS_access: case SYS_faccessat: case SYS_faccessat2: case SYS_readlink: case SYS_readlinkat: case SYS_getdents64:
    case SYS_getcwd: case SYS_lseek: case SYS_fadvise64: case SYS_fcntl: case SYS_dup: case SYS_dup2: case SYS_dup3: case SYS_socket: case SYS_socketpair:
    case SYS_pipe2: case SYS_getsockopt: case SYS_setsockopt: case SYS_getsockname: case SYS_getpeername:
    case SYS_brk: case SYS_mprotect: case SYS_madvise: case SYS_mremap: case SYS_set_robust_list: case SYS_rseq:
    case SYS_set_tid_address: case SYS_arch_prctl: case SYS_prctl: case SYS_prlimit64: case SYS_getrlimit: case SYS_uname: case SYS_sysinfo:
    case SYS_getpid: case SYS_gettid: case SYS_getppid: case SYS_getuid: case SYS_geteuid: case SYS_getgid: case SYS_getegid:
    case SYS_getrandom: case SYS_clock_gettime: case SYS_gettimeofday: case SYS_times:
    case SYS_rt_sigaction: case SYS_rt_sigprocmask: case SYS_rt_sigreturn: case SYS_sigaltstack: case SYS_sched_getaffinity: return true;
    case SYS_mmap: return (info.entry.args[3] & MAP_SHARED) == 0;
    case SYS_openat: return (info.entry.args[2] & (O_CREAT | O_TRUNC | O_ACCMODE)) == 0;
    default: return false;
    }
}

class Watch {
public:
    Watch(Victim victim, pid_t main, long wanted, Counted counted) : victim_(victim), main_(main), wanted_(wanted), counted_(counted) {}

    /// Follows until the main process ends or the watch is told to: the exit status of this program.
    int follow() {
        for (;;) {
            int status = 0;
            const pid_t thread = told_to_end ? -1 : waitpid(-1, &status, __WALL);
            if (thread < 0 && errno == EINTR && !told_to_end) continue;
            // Without us the kernel lets a running process go on.
            if (thread < 0) return end(0);
            if (!WIFEXITED(status) && !WIFSIGNALED(status)) resume(thread, status);
            else if (thread == main_) return end(status_of(status));
        }
    }

private:
    int end(int status) const {
        if (!killed_) std::fprintf(stderr, "calls %ld\n", calls_);
        return killed_ && victim_ != Victim::child ? was_killed : status;
    }

    void resume(pid_t thread, int status) {
        const int signal = WSTOPSIG(status);
        const int event = status >> 16;
        if (signal == (SIGTRAP | 0x80)) see_call(thread);
        // Stops of ptrace's own are no signals for the process.
        const bool own = event != 0 || signal == (SIGTRAP | 0x80) || signal == SIGTRAP || (signal == SIGSTOP && victim_ != Victim::running);
        const auto how = victim_ == Victim::child && thread == main_ ? PTRACE_CONT : PTRACE_SYSCALL;
        if (event == stop_event && signal != SIGTRAP) ptrace(PTRACE_LISTEN, thread, nullptr, nullptr);
        else ptrace(how, thread, nullptr, reinterpret_cast<void*>(own ? 0L : static_cast<long>(signal)));
    }

    void see_call(pid_t thread) {
        __ptrace_syscall_info info{};
        if (killed_ || ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
        const bool counts = std::exchange(changed_, !leaves_nothing(thread, info)) || counted_ == Counted::all;
        if (!counts || ++calls_ != wanted_) return;
        killed_ = true;
        kill(victim_ == Victim::child ? thread : main_, SIGKILL);
        std::fprintf(stderr, "killed at call %ld (number %llu)\n", calls_, static_cast<unsigned long long>(info.entry.nr));
    }

    Victim victim_;
    pid_t main_;
    long wanted_;
    Counted counted_;
    long calls_ = 0;
    bool changed_ = true;  ///< whether the call before may have changed something
    bool killed_ = false;
};

[[noreturn]] void become(char** command) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    execvp(command[0], command);
    std::perror(command[0]);
    std::_Exit(127);
}

pid_t start(Victim victim, char** command) {
    const pid_t main = fork();
    if (main == 0) become(command);
    int status = 0;
    if (main < 0 || waitpid(main, &status, 0) != main) return -1;
    const long more = victim == Victim::child ? PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE : PTRACE_O_TRACECLONE;
    ptrace(PTRACE_SETOPTIONS, main, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | more);
    ptrace(victim == Victim::child ? PTRACE_CONT : PTRACE_SYSCALL, main, nullptr, nullptr);
    return main;
}

/// Takes hold of all threads of a running process.
bool seize(pid_t process) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR* const tasks = opendir(path);
    bool any = false;
    while (const dirent* const task = tasks ? readdir(tasks) : nullptr) {
        const pid_t thread = std::atoi(task->d_name);
        if (thread <= 0 || ptrace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE) != 0) continue;
        any = ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0 || any;
    }
    if (tasks) closedir(tasks);
    return any;
}

int usage() {
    std::fputs("usage: kill-at [-d] [-c] N COMMAND...\n       kill-at [-d] -p PID N\n", stderr);
    return 2;
}

}  // namespace

int main(int count, char** arguments) {
    Victim victim = Victim::command;
    Counted counted = Counted::all;
    int at = 1;
    if (count > 1 && std::strcmp(arguments[1], "-d") == 0) {
        counted = Counted::behind_changes;
        ++arguments;
        --count;
    }
    if (count > 1 && std::strcmp(arguments[1], "-c") == 0) victim = Victim::child;
    if (count > 1 && std::strcmp(arguments[1], "-p") == 0) victim = Victim::running;
    if (victim == Victim::child) at = 2;
    if (victim == Victim::running) at = 3;
    if (count < at + (victim == Victim::running ? 1 : 2)) return usage();
    const long wanted = std::atol(arguments[at]);
    pid_t main = 0;
    if (victim == Victim::running) {
        struct sigaction action {};
        action.sa_handler = [](int) { told_to_end = 1; };
        sigaction(SIGTERM, &action, nullptr);
        main = std::atoi(arguments[2]);
        if (!seize(main)) {
            std::fprintf(stderr, "kill-at: cannot watch process %d: %s\n", main, std::strerror(errno));
            return 1;
        }
        std::fputs("watching\n", stderr);
    } else {
        main = start(victim, arguments + at + 1);
        if (main < 0) return 1;
    }
    return Watch(victim, main, wanted, counted).follow();
}
