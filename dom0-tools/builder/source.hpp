// SPDX-License-Identifier: MIT
#pragma once
/// Bytes that are to be put into a guest: in memory, or in a file. Those of a file are read straight into the guest's pages:
/// touching a file that is mapped costs a page fault for every few pages, and such faults are dear in a paravirtual Dom0.
/// Refers to memory or file, which must outlive it.

#include <algorithm>
#include <cstring>

#include "builder/file_view.hpp"

namespace rf::builder {

class Source {
public:
    Source() = default;
    explicit Source(std::span<const std::byte> memory) : bytes_(memory) {}
    /// `part` lies in what `file` maps.
    Source(const FileView& file, std::span<const std::byte> part) : bytes_(part), file_(part.empty() ? nullptr : &file) {}

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    /// Looking at the bytes costs nothing but the look.
    [[nodiscard]] bool is_memory() const { return !file_; }
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] Source from(std::size_t offset) const
    {
        Source rest = *this;
        rest.bytes_ = bytes_.subspan(std::min(offset, bytes_.size()));
        return rest;
    }
    /// Copies the bytes from `offset` on, as many as `to` holds: there must be so many.
    [[nodiscard]] Result<void> copy(std::size_t offset, std::span<std::byte> to) const
    {
        const auto from = bytes_.subspan(offset, to.size());
        if (file_)
            return file_->read(static_cast<std::size_t>(from.data() - file_->bytes().data()), to);
        std::memcpy(to.data(), from.data(), to.size());
        return {};
    }

private:
    std::span<const std::byte> bytes_;
    const FileView* file_ = nullptr;
};

}  // namespace rf::builder
