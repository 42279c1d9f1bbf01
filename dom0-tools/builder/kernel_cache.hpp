// SPDX-License-Identifier: MIT
#pragma once
/// Unpacked kernels kept on disk, so that a kernel is unpacked once and not for every domain. A file stands for one state of
/// one source file: its device, inode, size, and times of last change down to the nanosecond. The time of status change
/// cannot be set by anybody, so no other content can pass for it. The directory belongs to root and is bounded: the files
/// that were used longest ago go first. A cache that cannot be used costs time, never a domain.

#include <optional>
#include <span>
#include <string>

#include "builder/file_view.hpp"

namespace rf::builder {

class KernelCache {
public:
    static constexpr const char* usual_directory = "/var/cache/ringfort/kernels";
    static constexpr std::uint64_t usual_limit = 512ull << 20;

    explicit KernelCache(std::string directory = usual_directory, std::uint64_t limit_bytes = usual_limit)
        : directory_(std::move(directory)), limit_bytes_(limit_bytes)
    {
    }

    /// The name under which the unpacked form of a file with this status is kept.
    [[nodiscard]] static std::string key_of(const struct stat& status);

    /// The unpacked kernel, if it is there and unharmed.
    [[nodiscard]] std::optional<FileView> find(const std::string& key) const;
    /// Keeps `kernel`; it appears as a whole or not at all. Does nothing when it is larger than the limit.
    void keep(const std::string& key, std::span<const std::byte> kernel) const;

private:
    void make_room(std::uint64_t bytes) const;

    std::string directory_;
    std::uint64_t limit_bytes_;
};

}  // namespace rf::builder
