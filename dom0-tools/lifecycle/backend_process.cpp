// SPDX-License-Identifier: MIT
#include "lifecycle/backend_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace rf::lifecycle {
namespace {

using builder::Kind;
using builder::fail;

constexpr auto process_poll = std::chrono::milliseconds(10);
constexpr auto end_patience = std::chrono::seconds(1);  ///< it ends by itself when its devices are closed
constexpr auto kill_patience = std::chrono::seconds(2);
constexpr int inherited_descriptor = 3;

}  // namespace

builder::Result<pid_t> BackendProcess::start(const std::string& program) const
{
    auto lock = state_.lock_file(lock_name(), StateDirectory::Waiting::no);
    if (!lock && lock.error().kind == Kind::conflict)
        return 0;
    if (!lock)
        return std::unexpected(lock.error());
    const std::string number = std::to_string(domain_.value);
    std::string words[] = {program, "--domain", number};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    // The copy is without close-on-exec: it keeps the lock in the new process.
    posix_spawn_file_actions_adddup2(&actions, lock->descriptor(), inherited_descriptor);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    pid_t process = 0;
    const int problem = ::posix_spawnp(&process, program.c_str(), &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0)
        return fail(Kind::unreachable, "cannot start " + program + " for domain " + number + ": " + std::strerror(problem));
    const std::string text = std::to_string(process) + "\n";
    if (::ftruncate(lock->descriptor(), 0) != 0 || ::pwrite(lock->descriptor(), text.data(), text.size(), 0) < 0)
        return fail(builder::kind_of(errno), std::string("cannot note the backend's process id: ") + std::strerror(errno));
    return process;
}

bool BackendProcess::is_running() const
{
    return state_.is_locked(lock_name());
}

pid_t BackendProcess::recorded_process() const
{
    std::ifstream file(lock_path());
    pid_t process = 0;
    file >> process;
    return process > 1 ? process : 0;
}

void BackendProcess::send(int signal) const
{
    // Fix the process first, then see that the lock is still held: it is the right one, not a later user of the number.
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, recorded_process(), 0));
    if (handle >= 0 && is_running())
        (void)::syscall(SYS_pidfd_send_signal, handle, signal, nullptr, 0);
    if (handle >= 0)
        ::close(handle);
}

void BackendProcess::stop(std::chrono::steady_clock::time_point deadline) const
{
    const std::string path = lock_path();
    if (::access(path.c_str(), F_OK) != 0)
        return;
    const auto ends_until = [this](std::chrono::steady_clock::time_point limit) {
        while (is_running()) {
            if (std::chrono::steady_clock::now() >= limit)
                return false;
            std::this_thread::sleep_for(process_poll);
        }
        return true;
    };
    // It may have begun when its devices were gone already, and wait for others; or nobody could tell it of their end.
    if (!ends_until(std::min(deadline, std::chrono::steady_clock::now() + end_patience)))
        send(SIGTERM);
    if (!ends_until(deadline)) {
        send(SIGKILL);
        (void)ends_until(std::chrono::steady_clock::now() + kill_patience);
    }
    ::unlink(path.c_str());
    // What it kept for a successor, if it was killed and none came.
    std::error_code ignored;
    for (const auto& file : std::filesystem::directory_iterator(state_.root() + "/backd", ignored))
        if (file.path().filename().string().starts_with(std::to_string(domain_.value) + "."))
            std::filesystem::remove(file.path(), ignored);
}

}  // namespace rf::lifecycle
