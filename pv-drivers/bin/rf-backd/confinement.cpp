// SPDX-License-Identifier: MIT
#include "bin/rf-backd/confinement.hpp"

#include <cerrno>
#include <csignal>
#include <algorithm>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "bin/rf-backd/names.hpp"
#include "rpc/log.hpp"
#include "xen/uapi.hpp"

namespace rf::backd {
namespace {

struct EventChannelRestriction {
    std::uint16_t domain;
};
/// Lets the event-channel device bind ports of one domain only. Source: Linux user API header xen/evtchn.h.
constexpr auto event_channel_restrict = xen::uapi::request<EventChannelRestriction>('E', 6);

xen::Result<void> failed(const char* what)
{
    return xen::failure(errno, std::string("cannot confine this process: ") + what);
}

/// No program that this process could start, if it could start any, would get a capability back.
bool drop_bounding_set()
{
    for (unsigned long capability = 0;; ++capability) {
        if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0)
            return errno == EINVAL;  // one more than the kernel knows
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
            return false;
    }
}

xen::Result<void> drop_identity(std::uint16_t domain, pid_t parent)
{
    if (!drop_bounding_set())
        return failed("dropping capabilities");
    const uid_t number = first_confined_user + domain;
    if (::chroot(empty_directory) != 0 || ::chdir("/") != 0)
        return failed("changing the root directory");
    if (::setgroups(0, nullptr) != 0 || ::setresgid(number, number, number) != 0 || ::setresuid(number, number, number) != 0)
        return failed("changing the user");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return failed("setting process flags");
    if (::getppid() != parent)
        return xen::failure(ESRCH, "the privileged half of this program is gone");
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0)
        return failed("setting limits");
    return {};
}

/// System calls that need no look at their arguments.
constexpr int plain_calls[] = {
    SCMP_SYS(read),          SCMP_SYS(write),          SCMP_SYS(writev),        SCMP_SYS(close),
    SCMP_SYS(poll),          SCMP_SYS(ppoll),          SCMP_SYS(io_uring_enter), SCMP_SYS(recvmsg),     SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),        SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
    SCMP_SYS(munmap),        SCMP_SYS(mremap),         SCMP_SYS(madvise),       SCMP_SYS(brk),          SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(exit),         SCMP_SYS(exit_group),   SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall), SCMP_SYS(getpid),      SCMP_SYS(gettid),       SCMP_SYS(getrandom),
};

/// Requests of the only devices that stay open.
constexpr unsigned long device_requests[] = {
    xen::uapi::gntdev_map,  xen::uapi::gntdev_unmap,           xen::uapi::gntdev_copy,  xen::uapi::gntdev_unmap_notify,
    xen::uapi::evtchn_bind_interdomain, xen::uapi::evtchn_unbind, xen::uapi::evtchn_notify, TUNSETOFFLOAD, TUNSETQUEUE,
};

int add_rules(scmp_filter_ctx filter)
{
    int result = 0;
    for (const int call : plain_calls)
        result = result != 0 ? result : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    for (const unsigned long request : device_requests)
        result = result != 0 ? result
                             : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, request));
    // To pin memory of its own that it uses often; the ring itself refuses all else that could be registered.
    result = result != 0 ? result
                         : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(io_uring_register), 1,
                                            SCMP_A1(SCMP_CMP_EQ, IORING_REGISTER_BUFFERS_UPDATE));
    // To end itself, as abort() does.
    result = result != 0 ? result
                         : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                            SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
    // Memory may be mapped, but never to be executed.
    result = result != 0 ? result
                         : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return result != 0 ? result
                       : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

}  // namespace

xen::Result<void> close_all_but(std::initializer_list<int> kept)
{
    std::vector<int> numbers(kept);
    std::ranges::sort(numbers);
    unsigned next = STDERR_FILENO + 1;
    for (const int number : numbers) {
        const auto stop = static_cast<unsigned>(number);
        if (stop > next && ::close_range(next, stop - 1, 0) != 0)
            return failed("closing descriptors");
        next = std::max(next, stop + 1);
    }
    if (::close_range(next, ~0u, 0) != 0)
        return failed("closing descriptors");
    return {};
}

xen::Result<void> filter_system_calls()
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == nullptr)
        return xen::failure(ENOMEM, "cannot confine this process: creating the system-call filter");
    int result = add_rules(filter);
    // Every copy and every event is one, and the kernel keeps no answer of a rule that looks at arguments.
    if (result == 0)
        result = seccomp_syscall_priority(filter, SCMP_SYS(ioctl), 255);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    if (result != 0)
        return xen::failure(result, "cannot confine this process: loading the system-call filter");
    return {};
}

xen::Result<void> confine(std::uint16_t domain, pid_t parent, int event_channel_device)
{
    EventChannelRestriction restriction{domain};
    if (::ioctl(event_channel_device, event_channel_restrict, &restriction) != 0)
        return failed("restricting event channels to the domain");
    if (::unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) != 0)
        rpc::log(rpc::Severity::warning, "rf-backd: this kernel has no separate name spaces; going on without");
    if (auto dropped = drop_identity(domain, parent); !dropped)
        return dropped;
    return filter_system_calls();
}

}  // namespace rf::backd
