// SPDX-License-Identifier: MIT
#include "fake_guest.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include "xen/grant.h"

namespace rf::test {
namespace {

constexpr int gntdev = 1000;
constexpr int evtchn = 1001;

}  // namespace

FakeGuest::FakeGuest(std::size_t pages) : count_(pages)
{
    memory_ = ::memfd_create("guest", MFD_CLOEXEC);
    if (memory_ < 0 || ::ftruncate(memory_, static_cast<off_t>(pages * xen::page_size)) != 0)
        throw std::bad_alloc();
    void* at = ::mmap(nullptr, pages * xen::page_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
    if (at == MAP_FAILED)
        throw std::bad_alloc();
    view_ = static_cast<std::byte*>(at);
}

FakeGuest::~FakeGuest()
{
    ::munmap(view_, count_ * xen::page_size);
    ::close(memory_);
}

std::span<std::byte> FakeGuest::page(std::size_t number) const
{
    return pages(number, 1);
}

std::span<std::byte> FakeGuest::pages(std::size_t first, std::size_t count) const
{
    return std::span(view_, count_ * xen::page_size).subspan(first * xen::page_size, count * xen::page_size);
}

void FakeGuest::grant(std::uint32_t ref, std::size_t page, Permit permit)
{
    grants_[ref] = {page, permit};
}

long FakeGuest::open(const char* path, int)
{
    return std::string_view(path) == "/dev/xen/gntdev" ? gntdev : evtchn;
}

long FakeGuest::ioctl(int, unsigned long request, void* argument)
{
    if (request == xen::uapi::gntdev_map) {
        auto* block = static_cast<xen::uapi::GntdevMap*>(argument);
        const auto* refs = reinterpret_cast<const xen::uapi::GntdevGrantRef*>(static_cast<std::byte*>(argument) +
                                                                              offsetof(xen::uapi::GntdevMap, refs));
        block->index = next_offset_ += 0x1000000;
        for (std::uint32_t i = 0; i < block->count; ++i)
            requested_[block->index].push_back(refs[i].ref);
        return 0;
    }
    if (request == xen::uapi::gntdev_unmap)
        return requested_.erase(static_cast<xen::uapi::GntdevUnmap*>(argument)->index) != 0 ? 0 : -ENOENT;
    if (request == xen::uapi::gntdev_copy) {
        auto* block = static_cast<xen::uapi::GntdevCopy*>(argument);
        for (std::uint32_t i = 0; i < block->count; ++i)
            if (const long result = copy(block->segments[i]); result < 0)
                return result;
        return 0;
    }
    if (request == xen::uapi::evtchn_bind_interdomain) {
        ++bound_ports;
        return next_port_++;
    }
    if (request == xen::uapi::evtchn_unbind) {
        --bound_ports;
        return 0;
    }
    if (request == xen::uapi::evtchn_notify) {
        ++notified[static_cast<xen::uapi::EvtchnPort*>(argument)->port];
        return 0;
    }
    return -ENOTTY;
}

std::byte* FakeGuest::granted(const xen::uapi::GntdevCopyEnd& end, std::size_t length, bool write)
{
    const auto grant = grants_.find(end.foreign.ref);
    if (grant == grants_.end() || end.foreign.domid != domain.value || end.foreign.offset + length > xen::page_size ||
        (write && grant->second.permit == Permit::read_only))
        return nullptr;
    return page(grant->second.page).data() + end.foreign.offset;
}

long FakeGuest::copy(xen::uapi::GntdevCopySegment& segment)
{
    ++copied_segments;
    const bool from_guest = (segment.flags & ::xen::GNTCOPY_source_gref) != 0;
    const auto& foreign = from_guest ? segment.source : segment.dest;
    if (foreign.foreign.offset + segment.len > xen::page_size)
        return -EINVAL;  // as the kernel's driver: the whole call fails
    std::byte* const theirs = granted(foreign, segment.len, !from_guest);
    segment.status = theirs != nullptr ? ::xen::GNTST_okay : ::xen::GNTST_bad_gntref;
    if (theirs == nullptr)
        return 0;
    const auto ours = reinterpret_cast<std::uintptr_t>(from_guest ? segment.dest.virt : segment.source.virt);
    split_copies += ours % xen::page_size + segment.len > xen::page_size;
    if (from_guest)
        std::memcpy(segment.dest.virt, theirs, segment.len);
    else
        std::memcpy(theirs, segment.source.virt, segment.len);
    return 0;
}

long FakeGuest::map(void*& address, std::size_t length, int protection, int flags, int descriptor, long offset)
{
    if (descriptor != gntdev) {
        address = ::mmap(nullptr, length, protection, flags, descriptor, offset);
        return address == MAP_FAILED ? -static_cast<long>(errno) : 0;
    }
    const auto refs = requested_.find(static_cast<std::uint64_t>(offset));
    if (refs == requested_.end() || refs->second.size() * xen::page_size != length)
        return -EINVAL;
    for (const std::uint32_t ref : refs->second) {
        const auto grant = grants_.find(ref);
        if (grant == grants_.end() || ((protection & PROT_WRITE) != 0 && grant->second.permit == Permit::read_only))
            return -EINVAL;
    }
    address = ::mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (std::size_t i = 0; i < refs->second.size(); ++i) {
        const auto at = static_cast<off_t>(grants_[refs->second[i]].page * xen::page_size);
        ::mmap(static_cast<std::byte*>(address) + i * xen::page_size, xen::page_size, protection, MAP_SHARED | MAP_FIXED, memory_, at);
    }
    grant_maps_[address] = length;
    mapped_pages += refs->second.size();
    ++map_calls;
    return 0;
}

void FakeGuest::unmap(void* address, std::size_t length)
{
    if (const auto found = grant_maps_.find(address); found != grant_maps_.end()) {
        mapped_pages -= length / xen::page_size;
        grant_maps_.erase(found);
    }
    ::munmap(address, length);
}

}  // namespace rf::test
