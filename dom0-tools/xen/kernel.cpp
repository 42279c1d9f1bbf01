// SPDX-License-Identifier: MIT
#include "xen/kernel.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rf::xen {
namespace {

long checked(long result)
{
    return result < 0 ? -static_cast<long>(errno) : result;
}

class HostKernel final : public Kernel {
public:
    long open(const char* path, int flags) override { return checked(::open(path, flags | O_CLOEXEC)); }
    void close(int descriptor) override { ::close(descriptor); }

    long ioctl(int descriptor, unsigned long request, void* argument) override
    {
        long result;
        do {
            result = checked(::ioctl(descriptor, request, argument));
        } while (result == -EINTR);
        return result;
    }

    long map(void*& address, std::size_t length, int protection, int flags, int descriptor, long offset) override
    {
        void* result = ::mmap(nullptr, length, protection, flags, descriptor, offset);
        if (result == MAP_FAILED)
            return -static_cast<long>(errno);
        // A mapping of another domain's page or of a hypercall buffer must not be copied by fork.
        ::madvise(result, length, MADV_DONTFORK);
        address = result;
        return 0;
    }

    void unmap(void* address, std::size_t length) override { ::munmap(address, length); }
    long read(int descriptor, std::span<std::byte> to) override
    {
        return checked(::read(descriptor, to.data(), to.size()));
    }
    long write(int descriptor, std::span<const std::byte> from) override
    {
        return checked(::write(descriptor, from.data(), from.size()));
    }
};

}  // namespace

Kernel& Kernel::host()
{
    static HostKernel kernel;
    return kernel;
}

}  // namespace rf::xen
