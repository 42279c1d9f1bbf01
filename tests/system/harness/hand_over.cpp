// SPDX-License-Identifier: MIT
// Machine::hand_over: a person at the serial line.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "harness/machine.hpp"

namespace rf::system {

namespace {

// The hypervisor's input ring has 128 bytes; a paste is fed in pieces that Dom0 has time to take out.
constexpr std::size_t typing_chunk = 32;
constexpr auto typing_pause = std::chrono::milliseconds{20};
constexpr int look_interval_ms = 200;

/// A terminal whose keys arrive one by one, unechoed and uninterpreted; as it was before, afterwards.
class RawTerminal {
public:
    explicit RawTerminal(int descriptor) : descriptor_(descriptor), is_terminal_(tcgetattr(descriptor, &before_) == 0) {
        if (!is_terminal_) return;
        termios raw = before_;
        cfmakeraw(&raw);
        tcsetattr(descriptor_, TCSANOW, &raw);
    }
    ~RawTerminal() {
        if (is_terminal_) tcsetattr(descriptor_, TCSADRAIN, &before_);
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

private:
    int descriptor_;
    termios before_{};
    bool is_terminal_;
};

void write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;  // nobody looks any more; the line's log still holds it
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

Result<void> type(Console& console, std::string_view keys) {
    while (!keys.empty()) {
        const auto chunk = keys.substr(0, typing_chunk);
        if (auto sent = console.send(chunk); !sent) return sent;
        keys.remove_prefix(chunk.size());
        if (!keys.empty()) std::this_thread::sleep_for(typing_pause);
    }
    return {};
}

}  // namespace

Result<bool> Machine::hand_over(int input, int output, char escape) {
    watchdog_ = {};
    const RawTerminal terminal{input};
    console_->listen([output](std::string_view bytes) { write_all(output, bytes); });
    Result<bool> ended = true;
    // the agent's end brings a new shell with its prompt
    if (auto sent = send_line("."); !sent) ended = std::unexpected(sent.error());
    while (ended && !console_->is_closed()) {
        pollfd keyboard{.fd = input, .events = POLLIN, .revents = 0};
        if (::poll(&keyboard, 1, look_interval_ms) <= 0) continue;
        char block[256];
        const auto got = read(input, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        const std::string_view keys{block, static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
        const auto stop = keys.find(escape);
        const auto sent = type(*console_, keys.substr(0, stop));
        if (!sent && !console_->is_closed()) ended = std::unexpected(sent.error());
        if (keys.empty() || stop != keys.npos) {
            ended = false;
            break;
        }
    }
    console_->listen(nullptr);
    return ended;
}

}  // namespace rf::system
