// SPDX-License-Identifier: MIT
#include "xen/privcmd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>

#include "xen/uapi.hpp"

namespace rf::xen {
namespace {

/// Scratch pages kept for reuse: one for the call in progress and a spare for a nested one.
constexpr std::size_t cached_pages = 2;

}  // namespace

Result<Privcmd> Privcmd::open(Kernel& kernel)
{
    auto device = Descriptor::open(kernel, "/dev/xen/privcmd", O_RDWR);
    if (!device)
        return std::unexpected(device.error());
    auto buffers = Descriptor::open(kernel, "/dev/xen/hypercall", O_RDWR);
    return Privcmd(std::move(*device), buffers ? std::move(*buffers) : Descriptor());
}

Result<HypercallBuffer> Privcmd::buffer(std::size_t bytes)
{
    const std::size_t length = (bytes + page_size - 1) / page_size * page_size;
    if (length == 0 || length < bytes)
        return failure(EINVAL, "cannot allocate a hypercall buffer of " + std::to_string(bytes) + " bytes");
    Kernel& kernel = device_.kernel();
    void* address = nullptr;
    const long result =
        buffers_ ? kernel.map(address, length, PROT_READ | PROT_WRITE, MAP_SHARED, buffers_.number(), 0)
                 : kernel.map(address, length, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (result < 0)
        return failure(result, "cannot allocate a hypercall buffer of " + std::to_string(length) + " bytes");
    std::memset(address, 0, length);
    return HypercallBuffer(Mapping(kernel, address, length));
}

Result<std::uint64_t> Privcmd::hypercall(unsigned number, const std::array<std::uint64_t, 5>& arguments, const char* what)
{
    uapi::PrivcmdHypercall block{};
    block.op = number;
    std::copy(arguments.begin(), arguments.end(), block.arg);
    const long result = device_.kernel().ioctl(device_.number(), uapi::privcmd_hypercall, &block);
    if (result < 0)
        return failure(result, what);
    return static_cast<std::uint64_t>(result);
}

Result<HypercallBuffer> Privcmd::scratch()
{
    if (free_pages_.empty())
        return buffer(page_size);
    HypercallBuffer page(std::move(free_pages_.back()));
    free_pages_.pop_back();
    return page;
}

void Privcmd::give_back(HypercallBuffer buffer)
{
    if (free_pages_.size() < cached_pages)
        free_pages_.push_back(buffer.release());
}

}  // namespace rf::xen
