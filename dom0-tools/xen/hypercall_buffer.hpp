// SPDX-License-Identifier: MIT
#pragma once
/// Memory that a hypercall may read and write: page-aligned, zeroed, locked. It comes from /dev/xen/hypercall when the
/// kernel has that device (pages that never move), else from locked anonymous memory. Move-only; must not outlive the
/// Privcmd that made it.

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "xen/mapping.hpp"

namespace rf::xen {

/// A number of elements in the width of the hypercalls' fields. They are buffers of this process, far from 2^32 elements.
[[nodiscard]] constexpr std::uint32_t count(std::size_t elements)
{
    return static_cast<std::uint32_t>(elements);
}

class HypercallBuffer {
public:
    HypercallBuffer() = default;
    explicit HypercallBuffer(Mapping pages) : pages_(std::move(pages)) {}

    [[nodiscard]] std::byte* data() const { return pages_.data(); }
    [[nodiscard]] std::size_t size() const { return pages_.size(); }
    [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(pages_.data()); }

    /// The start of the buffer seen as one T or as an array of T.
    template <class T>
    [[nodiscard]] T* as() const
    {
        static_assert(std::is_trivially_copyable_v<T>);
        return reinterpret_cast<T*>(pages_.data());
    }
    template <class T>
    [[nodiscard]] std::span<T> array(std::size_t count) const { return {as<T>(), count}; }

    /// Copies `from` to the start of the buffer, which is large enough because the caller sized it so.
    template <class T>
    void fill(std::span<const T> from) const
    {
        if (!from.empty())
            std::memcpy(pages_.data(), from.data(), from.size_bytes());
    }

    /// Gives the pages back to whoever caches them.
    [[nodiscard]] Mapping release() { return std::move(pages_); }

private:
    Mapping pages_;
};

}  // namespace rf::xen
