// SPDX-License-Identifier: MIT
#pragma once
/// RAII owner of one memory mapping, made of whole pages. Move-only; the address is stable for its life.

#include <cstddef>
#include <span>
#include <utility>

#include "xen/kernel.hpp"
#include "xen/types.hpp"

namespace rf::xen {

class Mapping {
public:
    Mapping() = default;
    Mapping(Kernel& kernel, void* address, std::size_t length) : kernel_(&kernel), address_(address), length_(length) {}
    Mapping(Mapping&& other) noexcept
        : kernel_(other.kernel_), address_(std::exchange(other.address_, nullptr)),
          length_(std::exchange(other.length_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept
    {
        std::swap(kernel_, other.kernel_);
        std::swap(address_, other.address_);
        std::swap(length_, other.length_);
        return *this;
    }
    ~Mapping() { reset(); }

    /// Unmaps now instead of at the end of the scope.
    void reset()
    {
        if (address_)
            kernel_->unmap(std::exchange(address_, nullptr), std::exchange(length_, 0));
    }

    [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(address_); }
    [[nodiscard]] std::size_t size() const { return length_; }
    [[nodiscard]] std::size_t pages() const { return length_ / page_size; }
    [[nodiscard]] std::span<std::byte> bytes() const { return {data(), length_}; }
    [[nodiscard]] std::span<std::byte> page(std::size_t index) const { return bytes().subspan(index * page_size, page_size); }
    [[nodiscard]] explicit operator bool() const { return address_ != nullptr; }

private:
    Kernel* kernel_ = nullptr;
    void* address_ = nullptr;
    std::size_t length_ = 0;
};

}  // namespace rf::xen
