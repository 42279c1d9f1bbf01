// SPDX-License-Identifier: MIT
#pragma once
/// The store's journal on disk (usually in /run): appended to each turn, replaced by a snapshot when it has grown. The first
/// batch names the boot of the machine it belongs to; a journal of another boot is of no use and is discarded. One process
/// at a time holds the directory's lock. Survives kill -9 at any point; not meant to survive power loss.
///
/// The end of the file is mapped memory: what is stored there is the file's at once and stays when the process dies. Its room is
/// reserved from the file system first, so a store to it cannot fail; behind the last batch it is zero.

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "xen/error.hpp"

namespace rf::rpc {

class JournalFile {
public:
    JournalFile(JournalFile&& other) noexcept;
    JournalFile& operator=(JournalFile&&) = delete;
    ~JournalFile();

    /// Opens or creates the directory and takes its lock. `identity` is that of this boot.
    [[nodiscard]] static xen::Result<JournalFile> open(const std::string& directory, std::string identity);

    /// The batches of an earlier run in this boot, oldest first; empty if there is none. A broken tail is left out.
    [[nodiscard]] xen::Result<std::vector<std::string>> load() const;
    /// Appends one batch; on failure the file is as before.
    [[nodiscard]] xen::Result<void> append(std::string_view batch);
    /// Replaces the whole journal by one batch, atomically.
    [[nodiscard]] xen::Result<void> replace(std::string_view snapshot);
    /// Whether appending has made the journal much larger than a snapshot.
    [[nodiscard]] bool has_grown() const;

private:
    /// Mapped memory of a file.
    struct Window {
        char* start = nullptr;
        std::size_t offset = 0;  ///< in the file
        std::size_t length = 0;
    };

    JournalFile(std::string path, std::string identity, int lock)
        : path_(std::move(path)), identity_(std::move(identity)), lock_(lock) {}

    /// Reserves and maps what lies behind `size`, room for `needed` bytes at least. The error is an errno.
    [[nodiscard]] static std::expected<Window, int> map_end(int file, std::size_t size, std::size_t needed);
    void use(Window window);

    std::string path_;
    std::string identity_;
    int lock_ = -1;
    int file_ = -1;
    Window window_;
    std::size_t size_ = 0;  ///< without the room behind the last batch
    std::size_t snapshot_size_ = 0;
};

/// Identity of the present boot, from the kernel.
[[nodiscard]] std::string boot_identity();

}  // namespace rf::rpc
