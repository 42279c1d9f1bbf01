// SPDX-License-Identifier: MIT
#include "rpc/pseudo_terminal.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

namespace rf::rpc {

PseudoTerminal::PseudoTerminal(PseudoTerminal&& other) noexcept
    : master_(std::exchange(other.master_, -1)), slave_(std::exchange(other.slave_, -1)), path_(std::move(other.path_))
{
}

PseudoTerminal& PseudoTerminal::operator=(PseudoTerminal&& other) noexcept
{
    std::swap(master_, other.master_);
    std::swap(slave_, other.slave_);
    std::swap(path_, other.path_);
    return *this;
}

PseudoTerminal::~PseudoTerminal()
{
    if (slave_ >= 0)
        ::close(slave_);
    if (master_ >= 0)
        ::close(master_);
}

xen::Result<PseudoTerminal> PseudoTerminal::open()
{
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master < 0)
        return xen::failure(errno, "cannot open a pseudo-terminal");
    PseudoTerminal terminal(master, -1, {});
    std::array<char, 64> name{};
    if (::grantpt(master) != 0 || ::unlockpt(master) != 0 || ::ptsname_r(master, name.data(), name.size()) != 0)
        return xen::failure(errno, "cannot unlock a pseudo-terminal");
    terminal.path_ = name.data();
    terminal.slave_ = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal.slave_ < 0)
        return xen::failure(errno, "cannot open " + terminal.path_);
    termios settings{};
    if (::tcgetattr(terminal.slave_, &settings) == 0) {
        ::cfmakeraw(&settings);
        (void)::tcsetattr(terminal.slave_, TCSANOW, &settings);
    }
    return terminal;
}

std::size_t PseudoTerminal::write(std::string_view bytes)
{
    const ssize_t count = ::write(master_, bytes.data(), bytes.size());
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

std::string PseudoTerminal::read(std::size_t limit)
{
    std::string bytes(limit, '\0');
    const ssize_t count = ::read(master_, bytes.data(), bytes.size());
    bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return bytes;
}

}  // namespace rf::rpc
