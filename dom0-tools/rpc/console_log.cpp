// SPDX-License-Identifier: MIT
#include "rpc/console_log.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rf::rpc {

ConsoleLog::~ConsoleLog()
{
    if (file_ >= 0)
        ::close(file_);
}

void ConsoleLog::open()
{
    std::error_code ignored;  // if the directory cannot be made, opening fails
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat status{};
    size_ = file_ >= 0 && ::fstat(file_, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

void ConsoleLog::rotate()
{
    if (file_ >= 0)
        ::close(std::exchange(file_, -1));
    for (unsigned number = limits_.old_files; number > 1; --number)
        (void)std::rename((path_ + "." + std::to_string(number - 1)).c_str(), (path_ + "." + std::to_string(number)).c_str());
    if (limits_.old_files > 0)
        (void)std::rename(path_.c_str(), (path_ + ".1").c_str());
    else
        ::unlink(path_.c_str());
    open();
}

void ConsoleLog::write(std::string_view bytes)
{
    if (file_ < 0)
        open();
    while (!bytes.empty()) {
        if (size_ >= limits_.file_bytes)
            rotate();
        const std::size_t part = std::min(bytes.size(), std::max<std::size_t>(1, limits_.file_bytes - std::min(size_, limits_.file_bytes)));
        const ssize_t count = file_ < 0 ? -1 : ::write(file_, bytes.data(), part);
        if (count <= 0)
            return;
        size_ += static_cast<std::size_t>(count);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

std::string file_name_of(std::string_view domain_name)
{
    std::string name(domain_name.substr(0, 128));
    for (char& c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            c = '_';
    if (!name.empty() && name[0] == '.')
        name[0] = '_';
    return name;
}

}  // namespace rf::rpc
