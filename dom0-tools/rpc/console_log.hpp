// SPDX-License-Identifier: MIT
#pragma once
/// A log file that cannot outgrow its limit: when full it becomes <path>.1 and a new one begins; older ones move up and the
/// last is dropped. A write that fails is dropped too: a full disk must not stop a console.

#include <cstddef>
#include <string>
#include <string_view>

namespace rf::rpc {

struct ConsoleLogLimits {
    std::size_t file_bytes = 1024 * 1024;
    unsigned old_files = 3;
};

class ConsoleLog {
public:
    /// `path` is created, with its directory, at the first write.
    ConsoleLog(std::string path, ConsoleLogLimits limits) : path_(std::move(path)), limits_(limits) {}
    ConsoleLog(ConsoleLog&&) = delete;
    ~ConsoleLog();

    void write(std::string_view bytes);
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    void open();
    void rotate();

    std::string path_;
    ConsoleLogLimits limits_;
    int file_ = -1;
    std::size_t size_ = 0;
};

/// A domain's name made safe to be a file name: other characters than letters, digits, '.', '-' and '_' become '_', and
/// nothing starts with a dot. Empty if nothing is left.
[[nodiscard]] std::string file_name_of(std::string_view domain_name);

}  // namespace rf::rpc
