// SPDX-License-Identifier: MIT
#include "runs.hpp"

#include <charconv>
#include <fstream>
#include <sstream>

namespace rf::bench {

namespace fs = std::filesystem;

namespace {

constexpr auto machine_limit = std::chrono::minutes{5};

Result<std::string> read_file(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    std::ostringstream text;
    if (!(text << in.rdbuf())) return std::unexpected(Failure{"cannot read " + file.string()});
    return text.str();
}

/// The first figure in which two runs differ.
std::string difference(const Results& one, const Results& other) {
    if (one.start != other.start) return "the start of the bench kernel";
    for (const auto& [name, figure] : one.figures)
        if (const auto found = other.figures.find(name); found == other.figures.end() || !(found->second == figure)) return name;
    return "the figures that could be taken";
}

std::string words_of_hypervisor(const Run& run) {
    std::string words = "dom0_mem=64M,max:64M com1=115200,8n1 console=com1 loglvl=info guest_loglvl=warning";
    return run.hypervisor_arguments.empty() ? words : words + ' ' + run.hypervisor_arguments;
}

}  // namespace

std::vector<std::string> exact_machine(unsigned memory_mib, const fs::path& log) {
    return {"qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=single", "-cpu", "max,-smap,-svm,-la57", "-m", std::to_string(memory_mib) + "M",
            "-smp", "1", "-display", "none", "-monitor", "none", "-nodefaults", "-nic", "none", "-no-reboot", "-serial", "file:" + log.string(),
            "-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"};
}

std::vector<std::string> command_of(const Run& run, const fs::path& build, const fs::path& log) {
    auto words = exact_machine(2048, log);
    words.insert(words.end(), {"-kernel", run.hypervisor, "-append", words_of_hypervisor(run),
                               "-initrd", (build / "guests/bench").string() + " " + run.kernel_arguments});
    return words;
}

Result<std::string> run_machine(const Run& run, const fs::path& build, const std::vector<std::string>& more_words) {
    const auto log = build / "logs" / (run.name + ".log");
    fs::create_directories(log.parent_path());
    fs::remove(log);
    auto command = command_of(run, build, log);
    command.insert(command.end(), more_words.begin(), more_words.end());
    auto process = system::Process::start(command, {});
    if (!process) return std::unexpected(process.error());
    const auto status = process->wait(machine_limit);
    if (!status) return std::unexpected(Failure{run.name + ": the machine did not end in time; see " + log.string()});
    if (*status != 0) return std::unexpected(Failure{run.name + ": the emulator ended with status " + std::to_string(*status)});
    return read_file(log);
}

Result<Results> run_twice(const Run& run, const fs::path& build) {
    std::vector<Results> results;
    for (unsigned round = 1; round <= 2; ++round) {
        Run numbered = run;
        numbered.name += "-" + std::to_string(round);
        auto log = run_machine(numbered, build);
        if (!log) return std::unexpected(log.error());
        results.push_back(parse_results(*log));
        if (!results.back().complete)
            return std::unexpected(Failure{numbered.name + ": the bench kernel did not come to its end; see " +
                                           (build / "logs" / (numbered.name + ".log")).string()});
    }
    if (!(results[0] == results[1]))
        return std::unexpected(Failure{run.name + ": two runs differ in " + difference(results[0], results[1])});
    return results[0];
}

Result<std::uint64_t> loader_end(const fs::path& build) {
    auto log = run_machine({"bench-loader", build / "bench/loader_end", ""}, build);
    if (!log) return std::unexpected(log.error());
    constexpr std::string_view mark = "bench: loader ";
    const auto at = log->find(mark);
    std::uint64_t counter = 0;
    if (at == std::string::npos) return std::unexpected(Failure{"the loader's end was not told"});
    const char* digits = log->data() + at + mark.size();
    if (std::from_chars(digits, log->data() + log->size(), counter, 16).ec != std::errc{})
        return std::unexpected(Failure{"the loader's end is not a number"});
    return counter;
}

Result<std::uint64_t> code_and_constants(const fs::path& image) {
    auto listing = system::run_program({"size", "-A", "-d", image});
    if (!listing) return std::unexpected(listing.error());
    std::istringstream lines{*listing};
    std::uint64_t bytes = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string section;
        std::uint64_t size = 0;
        if (words >> section >> size && (section == ".text" || section == ".rodata")) bytes += size;
    }
    if (bytes == 0) return std::unexpected(Failure{image.string() + " has no sections .text and .rodata"});
    return bytes;
}

std::string shell_line(const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) {
        if (!line.empty()) line += ' ';
        line += word.find(' ') == std::string::npos ? word : '"' + word + '"';
    }
    return line;
}

}  // namespace rf::bench
