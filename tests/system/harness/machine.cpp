// SPDX-License-Identifier: MIT
#include "harness/machine.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <system_error>

#include "harness/qemu_command.hpp"

namespace rf::system {

namespace fs = std::filesystem;

namespace {

// With the mark in front and the newline behind, a line stays well inside the hypervisor's input ring of 128 bytes.
constexpr std::size_t upload_chunk = 90;
constexpr auto acknowledge_limit = std::chrono::seconds{30};

bool is_log_line(const std::string& line) {
    static const std::regex logged{R"(^(\((XEN|RF)\) |\[ *[0-9]+\.[0-9]{6}\] ))"};
    return std::regex_search(line, logged);
}

std::string without_log_lines(const std::string& text) {
    std::string kept;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (is_log_line(line)) continue;
        kept += line;
        if (!lines.eof()) kept += '\n';
    }
    return kept;
}

/// A stream socket pair: [0] stays here, [1] becomes QEMU's serial line.
Result<void> make_line(int (&ends)[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) return {};
    return std::unexpected(Failure{std::string{"socketpair: "} + strerror(errno)});
}

}  // namespace

Result<std::unique_ptr<Machine>> Machine::start(const MachineOptions& options) {
    const auto scratch = build_directory() / "run" / options.name;
    const auto logs = build_directory() / "logs";
    std::error_code error;
    fs::create_directories(scratch, error);
    fs::create_directories(logs, error);
    if (error) return std::unexpected(Failure{"cannot create " + logs.string() + ": " + error.message()});

    const auto files = prepare_boot(options, scratch);
    if (!files) return std::unexpected(files.error());
    const auto words = qemu_command(options, *files, scratch);
    if (!words) return std::unexpected(words.error());

    int line[2];
    if (auto made = make_line(line); !made) return std::unexpected(made.error());
    const auto messages = logs / (options.name + ".qemu.log");
    const int message_file = open(messages.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    auto process = Process::start(*words, Streams{.input = line[1], .output = line[1], .error = message_file});
    close(line[1]);
    if (message_file >= 0) close(message_file);
    const auto log_file = logs / (options.name + ".log");
    auto console = std::make_unique<Console>(line[0], log_file);
    if (!process) return std::unexpected(process.error());
    return std::unique_ptr<Machine>(new Machine{std::move(*process), std::move(console), options, log_file, scratch});
}

Machine::Machine(Process process, std::unique_ptr<Console> console, const MachineOptions& options, fs::path log_file, fs::path scratch)
    : process_(std::move(process)),
      console_(std::move(console)),
      options_(options),
      log_file_(std::move(log_file)),
      scratch_(std::move(scratch)),
      started_(std::chrono::steady_clock::now()) {
    const auto limit = scaled(options.wall_clock_limit);
    watchdog_ = std::jthread{[pid = process_.pid(), limit](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock{mutex};
        if (!wake.wait_for(lock, stop, limit, [&stop] { return stop.stop_requested(); })) ::kill(pid, SIGKILL);
    }};
}

Machine::~Machine() {
    watchdog_ = {};
    process_.kill();
    console_.reset();
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
}

Machine::Limit Machine::scaled(Limit limit) const { return std::chrono::duration_cast<Limit>(limit * time_scale()); }

double Machine::processor_seconds() const {
    std::ifstream in{"/proc/" + std::to_string(process_.pid()) + "/stat"};
    std::string stat;
    std::getline(in, stat);
    // The second field is a name in parentheses and may hold spaces; user and system time are the 12th and 13th after it.
    std::istringstream fields{stat.substr(std::min(stat.size(), stat.rfind(')') + 1))};
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double Machine::age() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count(); }

Failure Machine::explained(Failure failure) {
    if (const auto status = process_.poll()) {
        failure.message += " (QEMU ended with status " + std::to_string(*status) + "; see " +
                           (log_file_.parent_path() / (options_.name + ".qemu.log")).string() + ")";
    }
    return failure;
}

Result<void> Machine::wait_for_dom0(Limit limit) {
    if (auto up = expect("rf: dom0 user space up", limit); !up) return std::unexpected(up.error());
    if (auto prompt = expect("dom0# ", std::chrono::seconds{30}); !prompt) return std::unexpected(prompt.error());
    if (auto sent = send_line("exec rf-agent"); !sent) return sent;
    if (auto ready = expect("@rf:ready@", std::chrono::seconds{30}); !ready) return std::unexpected(ready.error());
    return {};
}

Result<void> Machine::upload_line(std::string_view line) {
    if (auto sent = send_line(line); !sent) return sent;
    auto answer = console_->expect_text("@rf:ok@\n", scaled(acknowledge_limit));
    if (!answer) return std::unexpected(answer.error());
    return {};
}

Result<void> Machine::upload(std::string_view command) {
    while (!command.empty()) {
        auto line = command.substr(0, command.find('\n'));
        command.remove_prefix(std::min(command.size(), line.size() + 1));
        for (; line.size() > upload_chunk; line.remove_prefix(upload_chunk))
            if (auto done = upload_line("-" + std::string{line.substr(0, upload_chunk)}); !done) return done;
        if (auto done = upload_line("+" + std::string{line}); !done) return done;
    }
    return {};
}

Result<CommandResult> Machine::run(std::string_view command, Limit limit) {
    if (!lost_to_.empty()) return std::unexpected(Failure{"not run: Dom0 does not answer since '" + lost_to_ + "'"});
    auto result = run_in_agent(command, limit);
    if (!result) {
        lost_to_ = command;
        ask_why();
        return std::unexpected(explained(Failure{"command '" + lost_to_ + "': " + result.error().message}));
    }
    return result;
}

void Machine::ask_why() {
    // Dom0 may have hung; the hypervisor answers on the same line: twice, to see what moves.
    (void)console_->send("\x01\x01\x01""d");
    (void)console_->expect_text("entered by", scaled(std::chrono::seconds{5}));
    (void)console_->send("d\x01\x01\x01");
    (void)console_->expect_text("input goes to Dom0", scaled(std::chrono::seconds{5}));
}

Result<CommandResult> Machine::run_in_agent(std::string_view command, Limit limit) {
    if (auto done = upload(command); !done) return std::unexpected(done.error());
    const auto id = std::to_string(++commands_);
    if (auto sent = send_line("!" + id); !sent) return std::unexpected(sent.error());
    const auto wait = scaled(limit);
    auto begun = console_->expect_text("@rf:begin:" + id + "@\n", scaled(acknowledge_limit));
    if (!begun) return std::unexpected(begun.error());
    auto output = console_->expect_text("@rf:end:" + id + ":", wait);
    if (!output) return std::unexpected(output.error());
    auto status = console_->expect_text("@\n", scaled(acknowledge_limit));
    if (!status) return std::unexpected(status.error());
    CommandResult result{.status = std::atoi(status->c_str()), .output = without_log_lines(*output), .raw = *output};
    return result;
}

Result<std::string> Machine::must_run(std::string_view command, Limit limit) {
    auto result = run(command, limit);
    if (!result) return std::unexpected(result.error());
    if (result->status == 0) return std::move(result->output);
    return std::unexpected(Failure{"'" + std::string{command} + "' ended with status " + std::to_string(result->status) + ": " +
                                   result->output});
}

Result<void> Machine::run_and_forget(std::string_view command) {
    if (auto done = upload(command); !done) return done;
    return send_line("!" + std::to_string(++commands_));
}

Result<std::string> Machine::expect(const std::string& pattern, Limit limit) {
    auto found = console_->expect(pattern, scaled(limit));
    if (!found) return std::unexpected(explained(found.error()));
    return found;
}

Result<void> Machine::send_line(std::string_view line) { return console_->send(std::string{line} + "\n"); }

Result<int> Machine::wait_exit(Limit limit) {
    const auto status = process_.wait(scaled(limit));
    if (!status) return std::unexpected(Failure{"QEMU still runs after " + std::to_string(scaled(limit).count()) + " ms"});
    console_->wait_closed(std::chrono::seconds{5});
    return *status;
}

Result<void> Machine::power_off(Limit limit) {
    if (auto sent = run_and_forget("poweroff"); !sent) return sent;
    auto status = wait_exit(limit);
    if (!status) return std::unexpected(Failure{"after poweroff: " + status.error().message});
    if (*status != 0) return std::unexpected(Failure{"QEMU ended with status " + std::to_string(*status) + " after poweroff"});
    return {};
}

std::string Machine::log_tail(std::size_t lines) const {
    const auto text = log();
    std::size_t start = text.size();
    for (std::size_t count = 0; start > 0 && count <= lines; ++count) {
        const auto previous = text.rfind('\n', start - 1);
        start = previous == std::string::npos ? 0 : previous;
    }
    return text.substr(start);
}

}  // namespace rf::system
