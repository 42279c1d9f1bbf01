// SPDX-License-Identifier: MIT
#pragma once
/// RAII owner of one open device. Move-only; closing cannot fail.

#include <string>
#include <utility>

#include "xen/error.hpp"
#include "xen/kernel.hpp"

namespace rf::xen {

class Descriptor {
public:
    Descriptor() = default;
    Descriptor(Kernel& kernel, int number) : kernel_(&kernel), number_(number) {}
    Descriptor(Descriptor&& other) noexcept
        : kernel_(other.kernel_), number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept
    {
        std::swap(kernel_, other.kernel_);
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor()
    {
        if (number_ >= 0)
            kernel_->close(number_);
    }

    /// Opens `path`; the error names the device and, when it is missing, the kernel module that provides it.
    [[nodiscard]] static Result<Descriptor> open(Kernel& kernel, const char* path, int flags);

    /// Gives the number away: whoever takes it closes it.
    [[nodiscard]] int release() { return std::exchange(number_, -1); }
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] Kernel& kernel() const { return *kernel_; }
    [[nodiscard]] explicit operator bool() const { return number_ >= 0; }

private:
    Kernel* kernel_ = nullptr;
    int number_ = -1;
};

}  // namespace rf::xen
