// SPDX-License-Identifier: MIT
#pragma once
/// A large piece of memory whose pages are all there from the start: one system call brings them, where touching them one by
/// one would cost a page fault each, and under a paravirtual hypervisor those are dear. Shared with processes that are forked
/// off, which makes forking cheap. Move-only; zeroed; page-aligned.

#include <cstddef>
#include <optional>
#include <span>
#include <sys/mman.h>
#include <utility>

namespace rf::builder {

class MemoryBlock {
public:
    MemoryBlock() = default;
    MemoryBlock(MemoryBlock&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    MemoryBlock& operator=(MemoryBlock&& other) noexcept
    {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~MemoryBlock()
    {
        if (!bytes_.empty())
            ::munmap(bytes_.data(), bytes_.size());
    }

    /// nullopt when there is not so much address space or memory.
    [[nodiscard]] static std::optional<MemoryBlock> allocate(std::size_t size)
    {
        if (size == 0)
            return MemoryBlock();
        void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (address == MAP_FAILED)
            return std::nullopt;
        MemoryBlock block;
        block.bytes_ = {static_cast<std::byte*>(address), size};
        return block;
    }

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

private:
    std::span<std::byte> bytes_;
};

}  // namespace rf::builder
