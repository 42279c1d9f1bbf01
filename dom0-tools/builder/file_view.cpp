// SPDX-License-Identifier: MIT
#include "builder/file_view.hpp"

#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace rf::builder {

FileView::FileView(FileView&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)), status_(other.status_)
{
}

FileView& FileView::operator=(FileView&& other) noexcept
{
    std::swap(descriptor_, other.descriptor_);
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    std::swap(status_, other.status_);
    return *this;
}

FileView::~FileView()
{
    if (address_)
        ::munmap(address_, size_);
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

Result<void> FileView::read(std::size_t offset, std::span<std::byte> to) const
{
    while (!to.empty()) {
        const ssize_t count = ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return fail(count < 0 ? kind_of(errno) : Kind::invalid,
                        std::string("cannot read a file of the domain: ") + (count < 0 ? std::strerror(errno) : "it has become shorter meanwhile"));
        to = to.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::size_t>(count);
    }
    return {};
}

Result<FileView> FileView::open(const std::string& path, const char* what)
{
    const std::string subject = std::string(what) + " " + path;
    const auto because = [&](int code) {
        const Kind kind = code == ENOENT || code == ENOTDIR ? Kind::not_found : kind_of(code);
        return fail(kind, "cannot read the " + subject + ": " + std::strerror(code));
    };
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return because(errno);
    FileView view;
    view.descriptor_ = descriptor;
    const bool known = ::fstat(descriptor, &view.status_) == 0;
    const int problem = errno;
    if (known && S_ISREG(view.status_.st_mode) && view.status_.st_size > 0) {
        view.size_ = static_cast<std::size_t>(view.status_.st_size);
        void* const address = ::mmap(nullptr, view.size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (address == MAP_FAILED)
            return because(errno);
        view.address_ = address;
        return view;
    }
    if (!known)
        return because(problem);
    return fail(Kind::invalid, "the " + subject + (S_ISREG(view.status_.st_mode) ? " is empty" : " is not a regular file"));
}

}  // namespace rf::builder
