// SPDX-License-Identifier: MIT
// store-load DOOR DIRECTORY: a client that remembers what the store has acknowledged, and goes on when the store comes back.
//
// DOOR is the store's socket, in Dom0, or /dev/xen/xenbus, the ring of a guest's kernel. In turns it writes one node, writes
// three in a transaction, removes one and reads one, all below DIRECTORY, and compares with what it was told before. Each
// change must be told by its watch. Where the connection ends with the store (the socket), a request without an answer may have
// happened or not; then everything is read again. Prints "store-load: done D lost L silent S failed F" five times a second until
// it is killed: requests answered; values that are not what was acknowledged; changes of which no watch told; refused requests.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <optional>
#include <poll.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr unsigned nodes = 24;
constexpr auto watch_patience = 20s;
enum Type : std::uint32_t { read_node = 2, watch = 4, start = 6, end = 7, write_node = 11, remove_node = 13, event = 15, error = 16 };

struct Header {
    std::uint32_t type, request, transaction, length;
};
struct Answer {
    Type type;
    std::string text;
};
using Value = std::optional<std::string>;  ///< nullopt: there is no such node

/// The connection; lost as soon as anything goes wrong with it.
class Line {
public:
    explicit Line(std::string door) : door_(std::move(door)) {}
    bool open() {
        if (descriptor_ >= 0) close(descriptor_);
        lost_ = false;
        if (door_.starts_with("/dev/")) return (descriptor_ = ::open(door_.c_str(), O_RDWR)) >= 0;
        descriptor_ = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, door_.c_str(), sizeof address.sun_path - 1);
        return connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    [[nodiscard]] bool lost() const { return lost_; }
    /// Sends a request; its answer, or nullopt when the connection was lost meanwhile.
    std::optional<Answer> ask(Type type, std::uint32_t transaction, const std::string& payload) {
        const Header header{type, ++request_, transaction, static_cast<std::uint32_t>(payload.size())};
        std::string bytes(sizeof header, '\0');
        std::memcpy(bytes.data(), &header, sizeof header);
        bytes += payload;
        if (!send(bytes)) return std::nullopt;
        while (!lost_) {
            auto [got, answer] = receive();
            if (lost_) break;
            if (answer.type == event) take_event(answer.text);
            else if (got.request == request_) return answer;
            else lost_ = true;  // an answer to nothing we asked
        }
        return std::nullopt;
    }
    /// Takes events until one tells of `path`, or for as long as patience lasts.
    bool told_of(const std::string& path) {
        const auto limit = Clock::now() + watch_patience;
        while (!lost_ && told_.erase(path) == 0) {
            pollfd source{descriptor_, POLLIN, 0};
            if (Clock::now() > limit) return false;
            if (poll(&source, 1, 100) <= 0) continue;
            const auto [header, answer] = receive();
            if (!lost_ && answer.type == event) take_event(answer.text);
        }
        return true;
    }
    void forget_events() { told_.clear(); }

private:
    bool send(const std::string& bytes) {
        if (::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) lost_ = true;
        return !lost_;
    }
    bool fill(void* where, std::size_t count) {
        for (std::size_t at = 0; at < count;) {
            const ssize_t got = ::read(descriptor_, static_cast<char*>(where) + at, count - at);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return !(lost_ = true);
            at += static_cast<std::size_t>(got);
        }
        return true;
    }
    std::pair<Header, Answer> receive() {
        Header header{};
        if (!fill(&header, sizeof header) || header.length > 4096) return lost_ = true, std::pair{header, Answer{error, ""}};
        std::string text(header.length, '\0');
        fill(text.data(), text.size());
        return {header, Answer{static_cast<Type>(header.type), text}};
    }
    void take_event(const std::string& text) { told_.insert(text.substr(0, text.find('\0'))); }

    std::string door_;
    int descriptor_ = -1;
    bool lost_ = false;
    std::uint32_t request_ = 0;
    std::set<std::string> told_;
};

class Load {
public:
    Load(std::string door, std::string directory) : line_(std::move(door)), directory_(std::move(directory)) {}

    [[noreturn]] void run() {
        for (;;) {
            while (!line_.open() || !watch_again() || !look_at_all()) usleep(50000);
            while (turn()) report();
        }
    }

private:
    [[nodiscard]] std::string path(unsigned node) const { return directory_ + "/node" + std::to_string(node); }
    /// The answer if it is one of success; counts refusals.
    std::optional<Answer> must(Type type, std::uint32_t transaction, const std::string& payload) {
        auto answer = line_.ask(type, transaction, payload);
        if (!answer) return std::nullopt;
        ++done_;
        if (answer->type == error) {
            ++failed_;
            std::printf("store-load: request %u of %s was refused: %s\n", type, payload.c_str(), answer->text.c_str());
        }
        return answer;
    }
    bool watch_again() {
        line_.forget_events();
        return must(watch, 0, directory_ + '\0' + "load" + '\0').has_value();
    }
    /// Compares a node with what is known of it.
    bool look(unsigned node) {
        const auto answer = line_.ask(read_node, 0, path(node) + '\0');
        if (!answer) return false;
        ++done_;
        Value value;
        if (answer->type != error) value = answer->text;
        else if (std::strcmp(answer->text.c_str(), "ENOENT") != 0) ++failed_;
        auto& known = known_[node];
        const auto open = doubtful_.find(node);
        if (value != known && (open == doubtful_.end() || value != open->second)) {
            ++lost_;
            std::printf("store-load: %s holds %s instead of %s\n", path(node).c_str(), value ? value->c_str() : "nothing", known ? known->c_str() : "nothing");
        }
        if (open != doubtful_.end()) {
            ++(value == open->second ? taken_ : refused_);
            doubtful_.erase(open);
        }
        known = value;
        return true;
    }
    bool look_at_all() {
        // Of an unanswered transaction all or nothing has happened.
        const bool whole = doubtful_.size() > 1;
        taken_ = refused_ = 0;
        for (unsigned node = 0; node < nodes; ++node)
            if (!look(node)) return false;
        if (whole && taken_ != 0 && refused_ != 0) {
            ++lost_;
            std::printf("store-load: a transaction happened in part\n");
        }
        doubtful_.clear();
        return true;
    }
    /// Remembers what was acknowledged, and waits for its watch.
    bool acknowledged(const std::map<unsigned, Value>& changes) {
        for (const auto& [node, value] : changes) known_[node] = value;
        doubtful_.clear();
        for (const auto& [node, value] : changes)
            if (!line_.told_of(path(node))) {
                ++silent_;
                std::printf("store-load: no watch told of %s\n", path(node).c_str());
            }
        return !line_.lost();
    }
    bool change_one(unsigned node, const Value& value) {
        line_.forget_events();
        doubtful_ = {{node, value}};
        const auto answer = value ? must(write_node, 0, path(node) + '\0' + *value) : must(remove_node, 0, path(node) + '\0');
        if (!answer) return false;
        return acknowledged({{node, value}});
    }
    bool change_three(unsigned first) {
        const auto begun = must(start, 0, std::string(1, '\0'));
        if (!begun) return false;
        const auto transaction = static_cast<std::uint32_t>(std::atol(begun->text.c_str()));
        std::map<unsigned, Value> changes;
        for (unsigned i = 0; i < 3; ++i) changes[(first + i) % nodes] = std::to_string(++counter_);
        for (const auto& [node, value] : changes) {
            const auto answer = line_.ask(write_node, transaction, path(node) + '\0' + *value);
            if (!answer) return false;
            ++done_;
            // A transaction ends with the store that it was opened in.
            if (answer->type == error) return true;
        }
        line_.forget_events();
        for (const auto& [node, value] : changes) doubtful_[node] = value;
        const auto answer = line_.ask(end, transaction, std::string("T") + '\0');
        if (!answer) return false;
        ++done_;
        if (answer->type == error) return doubtful_.clear(), true;
        return acknowledged(changes);
    }
    bool turn() {
        const unsigned node = static_cast<unsigned>(std::rand()) % nodes;
        switch (std::rand() % 4) {
        case 0: return change_three(node);
        case 1: return look(node);
        case 2: return known_[node] ? change_one(node, std::nullopt) : change_one(node, std::to_string(++counter_));
        default: return change_one(node, std::to_string(++counter_));
        }
    }
    void report() {
        if (Clock::now() < report_at_) return;
        report_at_ = Clock::now() + 200ms;
        std::printf("store-load: done %lu lost %lu silent %lu failed %lu\n", done_, lost_, silent_, failed_);
        std::fflush(stdout);
    }

    Line line_;
    std::string directory_;
    std::array<Value, nodes> known_{};
    std::map<unsigned, Value> doubtful_;  ///< what may have become of nodes by a request that was not answered
    unsigned long done_ = 0, lost_ = 0, silent_ = 0, failed_ = 0, counter_ = 0;
    unsigned taken_ = 0, refused_ = 0;
    Clock::time_point report_at_{};
};

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fputs("usage: store-load DOOR DIRECTORY\n", stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    Load(arguments[1], arguments[2]).run();
}
