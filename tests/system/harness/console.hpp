// SPDX-License-Identifier: MIT
// One serial line of a machine: everything received is kept and logged; a reader moves through it with expect().
// Owner: Machine. A thread fills the buffer; all members may be called from the one thread that drives the machine.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "harness/process.hpp"

namespace rf::system {

class Console {
public:
    /// Takes over `descriptor`, a connected stream, and logs all that arrives in `log_file`.
    Console(int descriptor, const std::filesystem::path& log_file);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    /// Waits for a line, complete or not, that contains a match of `pattern` (ECMAScript) and lies behind everything
    /// expected before; returns the matched text. Fails when `limit` passes or the line is closed. Carriage returns are
    /// dropped before matching. The limit is taken as it is: Machine applies the time scale.
    [[nodiscard]] Result<std::string> expect(const std::string& pattern, std::chrono::milliseconds limit);

    /// Waits for plain text behind everything expected before; returns all text up to it, without it.
    [[nodiscard]] Result<std::string> expect_text(std::string_view text, std::chrono::milliseconds limit);

    /// Sends bytes as they are.
    [[nodiscard]] Result<void> send(std::string_view bytes);

    /// Hands every block of bytes to `listener` as it arrives from now on, before any wait for it ends; nullptr stops that.
    /// The listener runs on the line's own thread and must not call back into this object.
    using Listener = std::function<void(std::string_view bytes)>;
    void listen(Listener listener);

    /// All text received so far, without carriage returns.
    [[nodiscard]] std::string log() const;

    /// Waits until the other end has closed the line, so that log() is complete.
    void wait_closed(std::chrono::milliseconds limit);
    [[nodiscard]] bool is_closed() const;

private:
    void receive();

    int descriptor_;
    std::ofstream log_file_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::string text_;           // guarded by mutex_
    bool closed_ = false;        // guarded by mutex_
    Listener listener_;          // guarded by mutex_
    std::size_t position_ = 0;   // first byte not yet consumed by expect
    std::thread receiver_;
};

}  // namespace rf::system
