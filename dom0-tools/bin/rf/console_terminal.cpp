// SPDX-License-Identifier: MIT
#include "console_terminal.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

#include "lifecycle/domain_list.hpp"

namespace rf::cli {
namespace {

constexpr auto patience = std::chrono::seconds(5);
constexpr char leave = 0x1d;  ///< Ctrl-]

bool write_all(int descriptor, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EAGAIN) {
            pollfd entry{descriptor, POLLOUT, 0};
            (void)::poll(&entry, 1, -1);
            continue;
        }
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

ConsoleTerminal::ConsoleTerminal(ConsoleTerminal&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), input_open_(other.input_open_), saved_(std::exchange(other.saved_, std::nullopt))
{
}

ConsoleTerminal::~ConsoleTerminal()
{
    if (saved_)
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*saved_);
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

Result<ConsoleTerminal> ConsoleTerminal::attach(lifecycle::Session& session, xen::DomainId domain)
{
    const std::string path = lifecycle::domain_path(domain) + "/console/tty";
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string device;
    for (;;) {
        device = BUILD_TRY(session.store.read_if_exists(path)).value_or("");
        if (!device.empty())
            break;
        if (std::chrono::steady_clock::now() >= deadline)
            return fail(Kind::unreachable, "no console for domain " + std::to_string(domain.value) +
                                               ": no console daemon offers one (is rf-consoled running?)");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const int descriptor = ::open(device.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return fail(builder::kind_of(errno), "cannot open console " + device + ": " + std::strerror(errno));
    ConsoleTerminal terminal(descriptor);
    termios settings{};
    if (::tcgetattr(descriptor, &settings) == 0) {
        ::cfmakeraw(&settings);
        ::tcsetattr(descriptor, TCSANOW, &settings);
    }
    return terminal;
}

void ConsoleTerminal::make_raw()
{
    termios settings{};
    if (!::isatty(STDIN_FILENO) || ::tcgetattr(STDIN_FILENO, &settings) != 0)
        return;
    saved_ = settings;
    ::cfmakeraw(&settings);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
}

ConsoleTerminal::Flow ConsoleTerminal::pass_keys()
{
    std::array<char, 512> buffer;
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return Flow::more;
    if (count <= 0) {
        // A closed input still lets the output be watched, unless it was the terminal that went away.
        input_open_ = false;
        return saved_ ? Flow::end : Flow::more;
    }
    const std::string_view keys(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t end = keys.find(leave);
    if (!write_all(descriptor_, keys.substr(0, end)))
        return Flow::end;
    return end == std::string_view::npos ? Flow::more : Flow::end;
}

ConsoleTerminal::Flow ConsoleTerminal::pass_output()
{
    std::array<char, 4096> buffer;
    const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return Flow::more;
    if (count <= 0)
        return Flow::end;  // the console daemon has closed its side: the domain is gone
    return write_all(STDOUT_FILENO, {buffer.data(), static_cast<std::size_t>(count)}) ? Flow::more : Flow::end;
}

Result<void> ConsoleTerminal::run()
{
    make_raw();
    for (;;) {
        pollfd entries[] = {{descriptor_, POLLIN, 0}, {input_open_ ? STDIN_FILENO : -1, POLLIN, 0}};
        if (::poll(entries, 2, -1) < 0 && errno != EINTR)
            return fail(Kind::internal, std::string("cannot wait for the console: ") + std::strerror(errno));
        if (entries[0].revents && pass_output() == Flow::end)
            return {};
        if (entries[1].revents && pass_keys() == Flow::end)
            return {};
    }
}

}  // namespace rf::cli
