// SPDX-License-Identifier: MIT
#pragma once
/// A regular file mapped for reading. Move-only. A file that is truncated while it is mapped would end the process with
/// SIGBUS when read behind its end, so programs that map files of untrusted users must be ready to die; `rf create` leaves
/// nothing behind when it does, because rfd takes down domains whose builder is gone.

#include <cstddef>
#include <span>
#include <string>
#include <sys/stat.h>

#include "builder/failure.hpp"

namespace rf::builder {

class FileView {
public:
    FileView() = default;
    FileView(FileView&& other) noexcept;
    FileView& operator=(FileView&& other) noexcept;
    ~FileView();

    /// `what` names the file's role in messages ("kernel"). An absent file is not_found, an empty one invalid.
    [[nodiscard]] static Result<FileView> open(const std::string& path, const char* what);

    [[nodiscard]] std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
    /// Reads from `offset` on until `to` is full.
    [[nodiscard]] Result<void> read(std::size_t offset, std::span<std::byte> to) const;
    /// What the kernel knew about the file when it was opened.
    [[nodiscard]] const struct stat& status() const { return status_; }

private:
    int descriptor_ = -1;
    void* address_ = nullptr;
    std::size_t size_ = 0;
    struct stat status_ {};
};

}  // namespace rf::builder
