// SPDX-License-Identifier: MIT
#include "harness/monitor.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace rf::system {
namespace {

class Connection {
public:
    explicit Connection(const std::filesystem::path& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        const timeval patience{10, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    Connection(const Connection&) = delete;
    ~Connection() { ::close(socket_); }

    [[nodiscard]] bool connected() const { return connected_; }
    /// Sends a command and waits for its answer; false when QEMU refuses or does not answer.
    [[nodiscard]] bool command(const std::string& json) {
        if (::write(socket_, json.data(), json.size()) != static_cast<ssize_t>(json.size())) return false;
        for (std::string text; ; ) {
            char bytes[512];
            const auto count = ::read(socket_, bytes, sizeof bytes);
            if (count <= 0) return false;
            text.append(bytes, static_cast<std::size_t>(count));
            if (text.find("\"error\"") != std::string::npos) return false;
            if (text.find("\"return\"") != std::string::npos && text.ends_with('\n')) return true;
        }
    }

private:
    int socket_;
    bool connected_ = false;
};

}  // namespace

Result<std::vector<char>> Monitor::memory(std::uint64_t address, std::size_t bytes) const {
    Connection connection(socket_);
    if (!connection.connected())
        return std::unexpected(Failure{"cannot reach QEMU's monitor at " + socket_.string() + ": " + std::strerror(errno)});
    const auto file = std::filesystem::absolute(socket_.string() + ".memory");
    const auto save = "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":" + std::to_string(address) +
                      ",\"size\":" + std::to_string(bytes) + ",\"filename\":\"" + file.string() + "\"}}\n";
    if (!connection.command("{\"execute\":\"qmp_capabilities\"}\n") || !connection.command(save))
        return std::unexpected(Failure{"QEMU did not save the machine's memory"});
    std::ifstream in{file, std::ios::binary};
    std::vector<char> content{std::istreambuf_iterator<char>{in}, {}};
    std::filesystem::remove(file);
    return content;
}

}  // namespace rf::system
