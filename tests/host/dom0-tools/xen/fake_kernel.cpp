// SPDX-License-Identifier: MIT
#include "xen/fake_kernel.hpp"

#include <cerrno>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xen/numbers.h"
#include "xen/sysctl.h"

namespace rf::xen {

std::uint32_t FakeKernel::local_port(std::uint16_t domain, std::uint32_t port) const
{
    for (const auto& [local, remote] : bound)
        if (remote == std::pair(domain, port))
            return local;
    return 0;
}

Mapping FakeKernel::lend(Page& page)
{
    ++mapped;
    borrowed_[page.bytes.data()] = page_size;
    return Mapping(*this, page.bytes.data(), page_size);
}

void FakeKernel::raise(std::uint32_t local)
{
    if (masked.contains(local)) {
        latched_.insert(local);
        return;
    }
    masked.insert(local);
    pending_.push_back(local);
    const std::uint64_t one = 1;
    (void)!::write(event_file_, &one, sizeof one);
}

long FakeKernel::open(const char* path, int)
{
    if (missing_files.contains(path))
        return -ENOENT;
    const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    files_[descriptor] = path;
    ++open_files;
    if (files_[descriptor] == "/dev/xen/evtchn")
        event_file_ = descriptor;
    return descriptor;
}

void FakeKernel::close(int descriptor)
{
    if (files_[descriptor] == "/dev/xen/evtchn") {
        while (!bound.empty())
            release(bound.begin()->first);
        masked.clear();
        pending_.clear();
        latched_.clear();
        exception_port = 0;
    }
    files_.erase(descriptor);
    --open_files;
    ::close(descriptor);
}

void FakeKernel::release(std::uint32_t local)
{
    offered.insert(bound.at(local));
    bound.erase(local);
    masked.erase(local);
}

long FakeKernel::ioctl(int descriptor, unsigned long request, void* argument)
{
    if (failing_requests.contains(request))
        return -EIO;
    const std::string& file = files_.at(descriptor);
    if (file == "/dev/xen/evtchn")
        return evtchn(request, argument);
    if (file == "/dev/xen/gntdev")
        return gntdev(request, argument);
    return privcmd(request, argument);
}

long FakeKernel::evtchn(unsigned long request, void* argument)
{
    if (request == uapi::evtchn_bind_interdomain) {
        const auto& block = *static_cast<uapi::EvtchnBindInterdomain*>(argument);
        const std::pair remote{static_cast<std::uint16_t>(block.remote_domain), block.remote_port};
        if (!offered.erase(remote))
            return -EINVAL;
        bound[++last_port_] = remote;
        raise(last_port_);
        return last_port_;
    }
    if (request == uapi::evtchn_bind_virq) {
        if (exception_port)
            return -EEXIST;
        exception_port = ++last_port_;
        return exception_port;
    }
    const std::uint32_t port = static_cast<uapi::EvtchnPort*>(argument)->port;
    if (request == uapi::evtchn_bind_unbound)
        return ++last_port_;
    if (!bound.contains(port))
        return -ENOTCONN;
    if (request == uapi::evtchn_notify)
        ++notified[port];
    else if (request == uapi::evtchn_unbind)
        release(port);
    return 0;
}

long FakeKernel::gntdev(unsigned long request, void* argument)
{
    if (request == uapi::gntdev_map) {
        auto& block = *static_cast<uapi::GntdevMap*>(argument);
        std::vector<std::pair<std::uint16_t, std::uint32_t>> refs;
        for (std::uint32_t i = 0; i < block.count; ++i)
            refs.emplace_back(static_cast<std::uint16_t>(block.refs[i].domid), block.refs[i].ref);
        for (const auto& ref : refs)
            if (!grants.contains(ref))
                return -EINVAL;
        block.index = next_index_;
        next_index_ += block.count * page_size;
        grant_maps_[block.index] = refs;
        return 0;
    }
    if (request == uapi::gntdev_unmap) {
        trace.push_back("gntdev-unmap");
        return grant_maps_.erase(static_cast<uapi::GntdevUnmap*>(argument)->index) ? 0 : -ENOENT;
    }
    return 0;
}

long FakeKernel::privcmd(unsigned long request, void* argument)
{
    if (request == uapi::privcmd_hypercall) {
        const auto& call = *static_cast<uapi::PrivcmdHypercall*>(argument);
        return on_hypercall ? on_hypercall(call) : hypercall(call);
    }
    if (request != uapi::privcmd_mmapbatch_v2)
        return -ENOTTY;
    const auto& block = *static_cast<uapi::PrivcmdMmapbatchV2*>(argument);
    bool paged = false;
    for (std::uint32_t i = 0; i < block.num; ++i) {
        const auto frame = frames.find({block.dom, block.arr[i]});
        block.err[i] = frame == frames.end() ? -EINVAL : 0;
        paged |= block.err[i] == -ENOENT;
        if (frame == frames.end())
            continue;
        // A view by copy is enough for reading; the single-page case shares the page itself.
        auto* target = reinterpret_cast<std::byte*>(block.addr) + i * page_size;
        std::memcpy(target, frame->second.bytes.data(), page_size);
    }
    return paged ? -ENOENT : 0;
}

long FakeKernel::hypercall(const uapi::PrivcmdHypercall& call)
{
    if (call.op != ::xen::HYPERVISOR_sysctl)
        return -ENOSYS;
    auto& block = *reinterpret_cast<::xen::xen_sysctl*>(call.arg[0]);
    if (block.interface_version != ::xen::XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    if (block.cmd != ::xen::XEN_SYSCTL_getdomaininfolist)
        return -ENOSYS;
    auto& list = block.u.getdomaininfolist;
    auto* out = reinterpret_cast<::xen::xen_domctl_getdomaininfo*>(list.buffer.address);
    list.num_domains = 0;
    for (const Domain& domain : domains) {
        if (domain.id < list.first_domain || list.num_domains == list.max_domains)
            continue;
        out[list.num_domains] = {};
        out[list.num_domains].domain = domain.id;
        out[list.num_domains].flags = domain.flags;
        ++list.num_domains;
    }
    return 0;
}

long FakeKernel::map(void*& address, std::size_t length, int protection, int flags, int descriptor, long offset)
{
    const std::string file = descriptor >= 0 ? files_.at(descriptor) : "";
    trace.push_back("map");
    ++mapped;
    if (file == "/dev/xen/gntdev" && length == page_size) {
        address = grants.at(grant_maps_.at(static_cast<std::uint64_t>(offset)).front()).bytes.data();
        borrowed_[address] = length;
        return 0;
    }
    if (file == "/proc/xen/xsd_kva") {
        address = own_ring.bytes.data();
        borrowed_[address] = length;
        return 0;
    }
    (void)flags;
    address = ::mmap(nullptr, length, protection | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return 0;
}

void FakeKernel::unmap(void* address, std::size_t length)
{
    trace.push_back("unmap");
    --mapped;
    if (!borrowed_.erase(address))
        ::munmap(address, length);
}

long FakeKernel::read(int descriptor, std::span<std::byte> to)
{
    if (files_.at(descriptor) == "/proc/xen/xsd_port") {
        const std::string text = std::to_string(own_port);
        std::memcpy(to.data(), text.data(), text.size());
        return static_cast<long>(text.size());
    }
    std::uint64_t count = 0;
    (void)!::read(descriptor, &count, sizeof count);
    std::size_t written = 0;
    while (!pending_.empty() && written + sizeof(std::uint32_t) <= to.size()) {
        std::memcpy(to.data() + written, &pending_.front(), sizeof(std::uint32_t));
        pending_.pop_front();
        written += sizeof(std::uint32_t);
    }
    return written ? static_cast<long>(written) : -EAGAIN;
}

long FakeKernel::write(int, std::span<const std::byte> from)
{
    for (std::size_t at = 0; at + sizeof(std::uint32_t) <= from.size(); at += sizeof(std::uint32_t)) {
        std::uint32_t port = 0;
        std::memcpy(&port, from.data() + at, sizeof port);
        masked.erase(port);
        if (latched_.erase(port))
            raise(port);
    }
    return static_cast<long>(from.size());
}

}  // namespace rf::xen
