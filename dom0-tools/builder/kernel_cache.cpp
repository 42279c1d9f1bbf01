// SPDX-License-Identifier: MIT
#include "builder/kernel_cache.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace rf::builder {
namespace {

constexpr std::string_view suffix = ".elf";

/// Whether nobody but root, or whoever runs this, can have written it.
bool is_ours(const struct stat& status)
{
    return (status.st_uid == 0 || status.st_uid == ::geteuid()) && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

bool write_all(int descriptor, std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

std::string KernelCache::key_of(const struct stat& status)
{
    char text[160];
    std::snprintf(text, sizeof text, "%llx-%llx-%llx-%llx.%09lx-%llx.%09lx", static_cast<unsigned long long>(status.st_dev),
                  static_cast<unsigned long long>(status.st_ino), static_cast<unsigned long long>(status.st_size),
                  static_cast<unsigned long long>(status.st_mtim.tv_sec), static_cast<unsigned long>(status.st_mtim.tv_nsec),
                  static_cast<unsigned long long>(status.st_ctim.tv_sec), static_cast<unsigned long>(status.st_ctim.tv_nsec));
    return text;
}

std::optional<FileView> KernelCache::find(const std::string& key) const
{
    struct stat directory {};
    if (::stat(directory_.c_str(), &directory) != 0 || !is_ours(directory))
        return std::nullopt;
    const std::string path = directory_ + "/" + key + std::string(suffix);
    auto view = FileView::open(path, "cached kernel");
    if (!view || !is_ours(view->status()))
        return std::nullopt;
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // a failure only makes it look older
    return std::move(*view);
}

void KernelCache::make_room(std::uint64_t bytes) const
{
    struct Entry {
        std::filesystem::path path;
        std::filesystem::file_time_type used;
        std::uint64_t bytes;
    };
    std::vector<Entry> entries;
    std::error_code error;
    std::uint64_t total = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory_, error)) {
        std::error_code vanished;
        const std::uint64_t size = file.file_size(vanished);
        const auto used = file.last_write_time(vanished);
        if (vanished)
            continue;
        entries.push_back({file.path(), used, size});
        total += size;
    }
    std::ranges::sort(entries, {}, &Entry::used);
    for (const Entry& entry : entries) {
        if (total + bytes <= limit_bytes_)
            return;
        if (std::filesystem::remove(entry.path, error))
            total -= entry.bytes;
    }
}

void KernelCache::keep(const std::string& key, std::span<const std::byte> kernel) const
{
    if (kernel.size() > limit_bytes_)
        return;
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    struct stat directory {};
    if (::chmod(directory_.c_str(), 0700) != 0 || ::stat(directory_.c_str(), &directory) != 0 || !is_ours(directory))
        return;
    make_room(kernel.size());
    std::string temporary = directory_ + "/new-XXXXXX";
    const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (descriptor < 0)
        return;
    // The data must be on the disk before the name is: after a power cut half a kernel would have a whole one's name.
    const bool written = write_all(descriptor, kernel) && ::fdatasync(descriptor) == 0;
    ::close(descriptor);
    if (!written || ::rename(temporary.c_str(), (directory_ + "/" + key + std::string(suffix)).c_str()) != 0)
        ::unlink(temporary.c_str());
}

}  // namespace rf::builder
