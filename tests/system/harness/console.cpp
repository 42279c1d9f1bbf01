// SPDX-License-Identifier: MIT
#include "harness/console.hpp"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <regex>

namespace rf::system {

Console::Console(int descriptor, const std::filesystem::path& log_file)
    : descriptor_(descriptor), log_file_(log_file, std::ios::binary), receiver_([this] { receive(); }) {}

Console::~Console() {
    shutdown(descriptor_, SHUT_RDWR);
    receiver_.join();
    close(descriptor_);
}

void Console::receive() {
    char block[4096];
    for (;;) {
        const auto got = read(descriptor_, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        const std::lock_guard lock{mutex_};
        if (got <= 0) break;
        std::copy_if(block, block + got, std::back_inserter(text_), [](char c) { return c != '\r' && c != '\0'; });
        log_file_.write(block, got).flush();
        if (listener_) listener_({block, static_cast<std::size_t>(got)});
        arrived_.notify_all();
    }
    const std::lock_guard lock{mutex_};
    closed_ = true;
    arrived_.notify_all();
}

Result<std::string> Console::expect(const std::string& pattern, std::chrono::milliseconds limit) {
    const std::regex regex{pattern};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::unique_lock lock{mutex_};
    std::size_t line = position_;  // start of the first line not yet searched in full
    for (;;) {
        while (line < text_.size()) {
            const auto end = std::min(text_.find('\n', line), text_.size());
            std::smatch match;
            if (std::regex_search(text_.cbegin() + static_cast<std::ptrdiff_t>(line), text_.cbegin() + static_cast<std::ptrdiff_t>(end),
                                  match, regex)) {
                position_ = line + static_cast<std::size_t>(match.position() + match.length());
                return match.str();
            }
            if (end == text_.size()) break;  // the line may still grow
            line = end + 1;
        }
        if (closed_) return std::unexpected(Failure{"the machine ended before it printed /" + pattern + "/"});
        if (arrived_.wait_until(lock, deadline) == std::cv_status::timeout)
            return std::unexpected(Failure{"no /" + pattern + "/ within " + std::to_string(limit.count()) + " ms"});
    }
}

Result<std::string> Console::expect_text(std::string_view text, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::unique_lock lock{mutex_};
    std::size_t searched = position_;
    for (;;) {
        if (const auto found = text_.find(text, searched); found != std::string::npos) {
            std::string before = text_.substr(position_, found - position_);
            position_ = found + text.size();
            return before;
        }
        // the tail may hold the first bytes of the text
        searched = std::max(position_, text_.size() - std::min(text_.size(), text.size()));
        if (closed_) return std::unexpected(Failure{"the machine ended before it printed \"" + std::string{text} + "\""});
        if (arrived_.wait_until(lock, deadline) == std::cv_status::timeout)
            return std::unexpected(Failure{"no \"" + std::string{text} + "\" within " + std::to_string(limit.count()) + " ms"});
    }
}

Result<void> Console::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return std::unexpected(Failure{std::string{"cannot send to the machine: "} + strerror(errno)});
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

void Console::listen(Listener listener) {
    const std::lock_guard lock{mutex_};
    listener_ = std::move(listener);
}

bool Console::is_closed() const {
    const std::lock_guard lock{mutex_};
    return closed_;
}

std::string Console::log() const {
    const std::lock_guard lock{mutex_};
    return text_;
}

void Console::wait_closed(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    arrived_.wait_for(lock, limit, [this] { return closed_; });
}

}  // namespace rf::system
