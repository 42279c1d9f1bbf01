// SPDX-License-Identifier: MIT
#include "harness/monitor.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "harness/json.hpp"

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
    /// Sends a command and waits for its answer; nullopt when QEMU refuses or does not answer.
    [[nodiscard]] std::optional<Json> command(const std::string& json) {
        if (::write(socket_, json.data(), json.size()) != static_cast<ssize_t>(json.size())) return std::nullopt;
        for (;;) {
            const auto line = next_line();
            if (!line) return std::nullopt;
            auto message = Json::parse(*line);
            if (!message || message->members.contains("error")) return std::nullopt;
            if (message->members.contains("return")) return std::move(message->members["return"]);
            // the greeting, or an event
        }
    }

private:
    std::optional<std::string> next_line() {
        for (;;) {
            if (const auto end = received_.find('\n'); end != std::string::npos) {
                auto line = received_.substr(0, end);
                received_.erase(0, end + 1);
                if (line.ends_with('\r')) line.pop_back();
                return line;
            }
            char bytes[512];
            const auto count = ::read(socket_, bytes, sizeof bytes);
            if (count <= 0) return std::nullopt;
            received_.append(bytes, static_cast<std::size_t>(count));
        }
    }

    int socket_;
    bool connected_ = false;
    std::string received_;
};

Failure unreachable(const std::filesystem::path& socket) {
    return Failure{"cannot reach QEMU's monitor at " + socket.string() + ": " + std::strerror(errno)};
}

constexpr auto greet = "{\"execute\":\"qmp_capabilities\"}\n";

}  // namespace

Result<std::vector<char>> Monitor::memory(std::uint64_t address, std::size_t bytes) const {
    Connection connection(socket_);
    if (!connection.connected()) return std::unexpected(unreachable(socket_));
    const auto file = std::filesystem::absolute(socket_.string() + ".memory");
    const auto save = "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":" + std::to_string(address) +
                      ",\"size\":" + std::to_string(bytes) + ",\"filename\":\"" + file.string() + "\"}}\n";
    if (!connection.command(greet) || !connection.command(save))
        return std::unexpected(Failure{"QEMU did not save the machine's memory"});
    std::ifstream in{file, std::ios::binary};
    std::vector<char> content{std::istreambuf_iterator<char>{in}, {}};
    std::filesystem::remove(file);
    return content;
}

Result<std::vector<std::string>> Monitor::ask(const std::vector<std::string>& lines) const {
    Connection connection(socket_);
    if (!connection.connected() || !connection.command(greet)) return std::unexpected(unreachable(socket_));
    std::vector<std::string> answers;
    for (const auto& line : lines) {
        const auto answer =
            connection.command("{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"" + line + "\",\"cpu-index\":0}}\n");
        if (!answer) return std::unexpected(Failure{"QEMU's monitor refuses: " + line});
        answers.push_back(answer->scalar);
    }
    return answers;
}

}  // namespace rf::system
