// SPDX-License-Identifier: MIT
#pragma once
/// Contiguous memory for the time of building: the unpacked kernel, decoders' scratch memory. Goes back when it is out of
/// scope; a size that is no power of two does not hold the rest of its block.

#include "base/result.hpp"
#include "base/types.hpp"

#include <span>

namespace rf::dom0 {

class BootBlock {
public:
    BootBlock() = default;
    BootBlock(BootBlock&& other) noexcept;
    BootBlock& operator=(BootBlock&& other) noexcept;
    ~BootBlock() { release(); }

    /// At least `bytes` bytes of any content. Errno::enomem: no free block is that large.
    [[nodiscard]] static Result<BootBlock> make(std::uint64_t bytes);
    /// Gives the memory back early.
    void release();

    [[nodiscard]] std::span<std::byte> bytes() const;
    [[nodiscard]] std::uint64_t pages() const { return pages_; }

private:
    Mfn first_;
    std::uint64_t pages_ = 0;
};

} // namespace rf::dom0
