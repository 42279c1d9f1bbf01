// SPDX-License-Identifier: MIT
#include "harness/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <utility>

extern char** environ;

namespace rf::system {

namespace {

constexpr auto poll_interval = std::chrono::milliseconds{20};

int exit_status(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace

Result<Process> Process::start(const std::vector<std::string>& arguments, const Streams& streams) {
    // setpriv keeps the pid and asks the kernel to kill the child with us, whatever ends us
    std::vector<std::string> words{"setpriv", "--pdeathsig", "KILL", "--"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (streams.input < 0)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, streams.input, STDIN_FILENO);
    if (streams.output >= 0) posix_spawn_file_actions_adddup2(&actions, streams.output, STDOUT_FILENO);
    if (streams.error >= 0) posix_spawn_file_actions_adddup2(&actions, streams.error, STDERR_FILENO);
    pid_t pid = -1;
    const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return std::unexpected(Failure{"cannot start " + arguments.front() + ": " + strerror(error)});
    return Process{pid};
}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        status_ = other.status_;
    }
    return *this;
}

Process::~Process() { kill(); }

std::optional<int> Process::poll() {
    if (status_ || pid_ < 0) return status_;
    int wait_status = 0;
    if (waitpid(pid_, &wait_status, WNOHANG) == pid_) status_ = exit_status(wait_status);
    return status_;
}

std::optional<int> Process::wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!poll() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(poll_interval);
    return status_;
}

void Process::kill() {
    if (pid_ < 0 || poll()) return;
    ::kill(pid_, SIGKILL);
    int wait_status = 0;
    waitpid(pid_, &wait_status, 0);
    status_ = exit_status(wait_status);
}

Result<std::string> run_program(const std::vector<std::string>& arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(Failure{std::string{"pipe: "} + strerror(errno)});
    auto process = Process::start(arguments, Streams{.input = -1, .output = ends[1], .error = ends[1]});
    close(ends[1]);
    std::string output;
    char block[4096];
    for (ssize_t got; process && (got = read(ends[0], block, sizeof block)) > 0;) output.append(block, static_cast<std::size_t>(got));
    close(ends[0]);
    if (!process) return std::unexpected(process.error());
    const auto status = process->wait(std::chrono::minutes{1});
    if (status != 0) return std::unexpected(Failure{arguments.front() + " failed: " + output});
    return output;
}

}  // namespace rf::system
