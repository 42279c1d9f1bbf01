// SPDX-License-Identifier: MIT
#pragma once
/// The system calls that the doors of this room need, as an interface, so that a test can stand in for the kernel.
/// Results follow the raw system-call convention: a value >= 0, or a negative errno.

#include <cstddef>
#include <span>

namespace rf::xen {

class Kernel {
public:
    virtual ~Kernel() = default;

    /// Opens a device close-on-exec. Returns a file descriptor.
    [[nodiscard]] virtual long open(const char* path, int flags) = 0;
    virtual void close(int descriptor) = 0;
    [[nodiscard]] virtual long ioctl(int descriptor, unsigned long request, void* argument) = 0;
    /// Maps `length` bytes; the address of the mapping goes to `address` on success (0).
    [[nodiscard]] virtual long map(void*& address, std::size_t length, int protection, int flags, int descriptor,
                                   long offset) = 0;
    virtual void unmap(void* address, std::size_t length) = 0;
    [[nodiscard]] virtual long read(int descriptor, std::span<std::byte> to) = 0;
    [[nodiscard]] virtual long write(int descriptor, std::span<const std::byte> from) = 0;

    /// The real kernel of this machine.
    static Kernel& host();
};

}  // namespace rf::xen
