// SPDX-License-Identifier: MIT
#include "bin/rf-backd/confinement.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bin/rf-backd/names.hpp"
#include "rpc/log.hpp"
#include "xen/uapi.hpp"

namespace rf::backd {
namespace {

constexpr uid_t nobody = 65534;

struct EventChannelRestriction {
    std::uint16_t domain;
};
/// Lets the event-channel device bind ports of one domain only. Source: Linux user API header xen/evtchn.h.
constexpr auto event_channel_restrict = xen::uapi::request<EventChannelRestriction>('E', 6);

struct Identity {
    uid_t user = nobody;
    gid_t group = nobody;
};

Identity find_identity()
{
    if (const passwd* entry = ::getpwnam(confined_user))
        return {entry->pw_uid, entry->pw_gid};
    rpc::log(rpc::Severity::warning, std::string("rf-backd: there is no user ") + confined_user +
                                         "; running as nobody, whom other services may share");
    return {};
}

xen::Result<void> failed(const char* what)
{
    return xen::failure(errno, std::string("cannot confine this process: ") + what);
}

xen::Result<void> drop_identity(const Identity& identity)
{
    if (::chroot(empty_directory) != 0 || ::chdir("/") != 0)
        return failed("changing the root directory");
    if (::setgroups(0, nullptr) != 0 || ::setresgid(identity.group, identity.group, identity.group) != 0 ||
        ::setresuid(identity.user, identity.user, identity.user) != 0)
        return failed("changing the user");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0)
        return failed("setting process flags");
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0)
        return failed("setting limits");
    return {};
}

/// System calls that need no look at their arguments.
constexpr int plain_calls[] = {
    SCMP_SYS(read),          SCMP_SYS(write),          SCMP_SYS(readv),         SCMP_SYS(writev),       SCMP_SYS(close),
    SCMP_SYS(poll),          SCMP_SYS(ppoll),          SCMP_SYS(io_uring_enter), SCMP_SYS(recvmsg),     SCMP_SYS(sendto),
    SCMP_SYS(munmap),        SCMP_SYS(mremap),         SCMP_SYS(madvise),       SCMP_SYS(brk),          SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(exit),         SCMP_SYS(exit_group),   SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall), SCMP_SYS(getpid),      SCMP_SYS(gettid),       SCMP_SYS(tgkill),
    SCMP_SYS(getrandom),     SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
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
    // Memory may be mapped, but never to be executed.
    result = result != 0 ? result
                         : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return result != 0 ? result
                       : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

xen::Result<void> filter_system_calls()
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == nullptr)
        return xen::failure(ENOMEM, "cannot confine this process: creating the system-call filter");
    int result = add_rules(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    if (result != 0)
        return xen::failure(result, "cannot confine this process: loading the system-call filter");
    return {};
}

}  // namespace

xen::Result<void> confine(std::uint16_t domain, int event_channel_device)
{
    EventChannelRestriction restriction{domain};
    if (::ioctl(event_channel_device, event_channel_restrict, &restriction) != 0)
        return failed("restricting event channels to the domain");
    if (::unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) != 0)
        rpc::log(rpc::Severity::warning, "rf-backd: this kernel has no separate name spaces; going on without");
    const Identity identity = find_identity();
    if (auto dropped = drop_identity(identity); !dropped)
        return dropped;
    return filter_system_calls();
}

}  // namespace rf::backd
