// SPDX-License-Identifier: MIT
#include "bin/rf-backd/supervisor.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bin/rf-backd/confinement.hpp"
#include "bin/rf-backd/names.hpp"
#include "bin/rf-backd/opener.hpp"
#include "rpc/log.hpp"

namespace rf::backd {
namespace {

constexpr useconds_t restart_pause = 500'000;
constexpr useconds_t turn_pause = 10'000;
constexpr unsigned turn_attempts = 1'500;  ///< with the pause: 15 s, longer than I/O under way takes to be given up

sigset_t handled_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

}  // namespace

xen::Result<Supervisor> Supervisor::create(std::uint16_t domain)
{
    std::error_code problem;
    std::filesystem::create_directories(empty_directory, problem);
    if (problem)
        return xen::failure(problem.value(), std::string("cannot create ") + empty_directory);
    ::chmod(run_directory, 0755);
    ::chmod(empty_directory, 0555);
    const std::string path = pid_file(domain);
    xen::Descriptor file(xen::Kernel::host(), ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file)
        return xen::failure(errno, "cannot open " + path);
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0)
        return xen::failure(errno == EWOULDBLOCK ? EBUSY : errno, "domain " + std::to_string(domain) + " is served already");
    return Supervisor(domain, std::move(file));
}

void Supervisor::write_pid(pid_t pid)
{
    const std::string text = std::to_string(pid) + "\n";
    if (::ftruncate(pid_file_.number(), 0) != 0 ||
        ::pwrite(pid_file_.number(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        rpc::log(rpc::Severity::warning, "rf-backd: cannot write " + pid_file(domain_));
}

void Supervisor::remove_journals() const
{
    std::error_code ignored;
    const std::string prefix = std::to_string(domain_) + ".";
    for (const auto& file : std::filesystem::directory_iterator(run_directory, ignored)) {
        const std::string name = file.path().filename().string();
        if (name.starts_with(prefix) && !name.ends_with(".pid"))
            std::filesystem::remove(file.path(), ignored);
    }
}

xen::Result<xen::Descriptor> Supervisor::take_turn() const
{
    // Opened for reading: the confined half keeps this descriptor, and shall not be able to write anything with it.
    const std::string path = serving_file(domain_);
    xen::Descriptor file(xen::Kernel::host(), ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file)
        return xen::failure(errno, "cannot open " + path);
    for (unsigned attempt = 0; ::flock(file.number(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
        if (errno != EWOULDBLOCK || attempt == turn_attempts)
            return xen::failure(errno == EWOULDBLOCK ? EBUSY : errno,
                                "the process that served domain " + std::to_string(domain_) + " before does not end");
        ::usleep(turn_pause);
    }
    return file;
}

xen::Result<int> Supervisor::run_once(Body body)
{
    auto turn = take_turn();
    if (!turn)
        return std::unexpected(turn.error());
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return xen::failure(errno, "cannot create a socket pair");
    const xen::Descriptor mine(xen::Kernel::host(), ends[0]);
    xen::Descriptor theirs(xen::Kernel::host(), ends[1]);
    const pid_t self = ::getpid();
    const pid_t child = ::fork();
    if (child < 0)
        return xen::failure(errno, "cannot start a process");
    if (child == 0) {
        // Among what goes here is the toolstack's lock file, which is the parent's alone.
        if (const auto closed = close_all_but({turn->number(), ends[1]}); !closed)
            ::_exit(exit_failure);
        ::_exit(body(domain_, self, ends[1]));
    }
    theirs = xen::Descriptor();
    *turn = xen::Descriptor();
    write_pid(child);

    const sigset_t signals = handled_signals();
    const xen::Descriptor signal_file(xen::Kernel::host(), ::signalfd(-1, &signals, SFD_CLOEXEC));
    pollfd sources[] = {{mine.number(), POLLIN, 0}, {signal_file.number(), POLLIN, 0}};
    for (bool open = true; open;) {
        if (::poll(sources, 2, -1) < 0)
            continue;
        if ((sources[1].revents & POLLIN) != 0) {
            signalfd_siginfo information;
            if (::read(signal_file.number(), &information, sizeof information) > 0) {
                asked_to_stop_ = true;
                ::kill(child, SIGTERM);
            }
        }
        if (sources[0].revents != 0)
            open = serve_opener(mine.number(), domain_);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

int Supervisor::run(Body body)
{
    const sigset_t signals = handled_signals();
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    for (;;) {
        const auto status = run_once(body);
        if (!status) {
            rpc::log(rpc::Severity::error, "rf-backd: " + status.error().text());
            return 1;
        }
        if (WIFEXITED(*status) && WEXITSTATUS(*status) == exit_store_lost && !asked_to_stop_) {
            ::usleep(restart_pause);
            continue;
        }
        if (WIFEXITED(*status) && WEXITSTATUS(*status) == exit_over)
            remove_journals();
        ::unlink(pid_file(domain_).c_str());
        ::unlink(serving_file(domain_).c_str());
        if (WIFSIGNALED(*status)) {
            rpc::log(rpc::Severity::error, "rf-backd " + std::to_string(domain_) + ": the serving process died of signal " +
                                               std::to_string(WTERMSIG(*status)));
            return 128 + WTERMSIG(*status);
        }
        return WEXITSTATUS(*status) == exit_failure ? 1 : 0;
    }
}

}  // namespace rf::backd
