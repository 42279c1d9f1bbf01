// SPDX-License-Identifier: MIT
// bench: counts what Debian's Xen and Ringfort take for the same services to the same guest kernel on the same emulated machine,
// prints one table and writes it down. Fails when a figure cannot be repeated to the instruction.
#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>

#include "harness/options.hpp"
#include "profile.hpp"
#include "runs.hpp"
#include "table.hpp"

namespace {

using namespace rf::bench;
namespace fs = std::filesystem;

constexpr auto usage = R"(usage: bench [--only M1,M9,...] [--xen FILE] [--ringfort FILE] [--ringfort-only] [--profile]
  Writes docs/performance/exact.md when all figures are taken, and build/bench/exact.json always.
  --ringfort-only takes Xen's figures from the last run: for work on Ringfort.
  --profile counts inside the emulator, too: slow instructions and functions, into docs/performance/profile.md.
)";

struct Request {
    std::string only;
    fs::path xen, ringfort;
    bool ringfort_only = false, profile = false;
};

[[noreturn]] void give_up(const std::string& why) {
    std::cerr << "bench: " << why << '\n';
    std::exit(1);
}

template <typename T>
T must(Result<T> result) {
    if (!result) give_up(result.error().message);
    return std::move(*result);
}

Request parse(int count, char** words, const fs::path& build) {
    Request request{.only = {}, .xen = build / "images/xen", .ringfort = build / "ringfort"};
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        const auto value = [&]() -> std::string { return i + 1 < count ? words[++i] : (give_up(word + " wants a value"), ""); };
        if (word == "--only") request.only = value();
        else if (word == "--xen") request.xen = value();
        else if (word == "--ringfort") request.ringfort = value();
        else if (word == "--ringfort-only") request.ringfort_only = true;
        else if (word == "--profile") request.profile = true;
        else give_up(usage);
    }
    return request;
}

std::string today() {
    const std::time_t now = std::time(nullptr);
    char text[16];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now))};
}

Figure single(std::uint64_t value) { return {1, 1, value, value, value}; }

/// Figures that are not the bench kernel's to take.
void add_boot_and_size(Results& results, std::uint64_t loader, const fs::path& image) {
    if (results.start) results.figures["M25"] = single(*results.start - loader);
    if (auto bytes = code_and_constants(image))
        results.figures["M40"] = single(*bytes);
    else
        results.refused["M40"] = bytes.error().message;
}

constexpr auto apart_heading = "\n## With page tables apart (`xpti=true` on both)\n\n";

std::string report(const std::vector<Row>& rows, const std::vector<Row>& apart, const Request& request, const std::string& date, const std::string& commit,
                   const fs::path& build) {
    const auto command = [&](const char* name, const fs::path& hypervisor) {
        auto words = command_of({name, fs::relative(hypervisor), ""}, fs::relative(build), fs::relative(build) / "logs" / (std::string{name} + "-1.log"));
        return shell_line(words);
    };
    return "# Exact figures\n\nExecuted instructions per operation, guest, hypervisor and all; written by `make bench` on " + date + " at commit " + commit +
           ".\nWhat is measured and how: [README.md](README.md). Ratio: Ringfort / Xen. Two runs of each agreed to the instruction.\n\n" + to_markdown(rows) +
           apart_heading + to_markdown(apart) + "\nThe machines:\n\n    " + command("bench-xen", request.xen) + "\n    " + command("bench-ringfort", request.ringfort) + "\n";
}

/// What both hypervisors took of the same machine, and what is written about it.
struct Pair {
    Results xen, ringfort;
};

Results xen_results(const Request& request, const fs::path& build, const Run& run) {
    if (!request.ringfort_only) return must(run_twice(run, build));
    std::ifstream log{build / "logs" / (run.name + "-1.log")};
    if (!log) give_up("there is no earlier run of Xen: leave --ringfort-only out once");
    return parse_results(std::string{std::istreambuf_iterator<char>{log}, {}});
}

Pair take(const Request& request, const fs::path& build, const std::string& suffix, const std::string& kernel_arguments, const std::string& hypervisor_arguments) {
    return {.xen = xen_results(request, build, {"bench-xen" + suffix, request.xen, kernel_arguments, hypervisor_arguments}),
            .ringfort = must(run_twice({"bench-ringfort" + suffix, request.ringfort, kernel_arguments, hypervisor_arguments}, build))};
}

/// M4 is M3 on machines that are told to keep page tables apart.
void add_isolated(Results& results, const Results& apart) {
    if (const auto found = apart.find("M3")) results.figures["M4"] = *found;
}

/// The rows that machines with page tables apart took.
std::vector<Row> apart_rows(const Pair& apart) {
    auto rows = make_rows(apart.xen, apart.ringfort, "");
    std::erase_if(rows, [](const Row& row) { return !row.xen && !row.ringfort; });
    return rows;
}

void write_profile(const Request& request, const fs::path& build, const std::string& arguments, const std::string& heading) {
    const auto xen = must(run_profile({"bench-xen-profile", request.xen, arguments}, build, {}));
    const auto ringfort = must(run_profile({"bench-ringfort-profile", request.ringfort, arguments}, build, request.ringfort));
    const auto text = profile_to_markdown(xen, ringfort);
    std::cout << '\n' << text;
    if (request.only.empty()) std::ofstream{rf::system::source_directory() / "docs/performance/profile.md"} << heading << text;
}

}  // namespace

int main(int count, char** words) {
    const auto build = rf::system::build_directory();
    const Request request = parse(count, words, build);
    std::string arguments = request.only.empty() ? "" : "only=" + request.only;
    std::replace(arguments.begin(), arguments.end(), ',', '+');  // the loader takes commas for itself
    auto [xen, ringfort] = take(request, build, "", arguments, "");
    const auto apart = take(request, build, "-xpti", arguments.empty() ? "" : arguments + "+M3", "xpti=true");
    add_isolated(ringfort, apart.ringfort);
    add_isolated(xen, apart.xen);
    const std::uint64_t loader = must(loader_end(build));
    add_boot_and_size(ringfort, loader, request.ringfort);
    // the image for multiboot loaders has one section only; the one for UEFI is the same code
    add_boot_and_size(xen, loader, build / "packages/root/boot/xen-4.17-amd64.efi");

    const auto rows = make_rows(xen, ringfort, request.only);
    const auto date = today();
    auto commit = rf::system::run_program({"git", "-C", rf::system::source_directory(), "rev-parse", "--short", "HEAD"}).value_or("unknown");
    while (!commit.empty() && commit.back() == '\n') commit.pop_back();
    const auto rows_apart = apart_rows(apart);
    std::cout << to_markdown(rows) << apart_heading << to_markdown(rows_apart);
    fs::create_directories(build / "bench");
    auto all = rows;
    for (auto row : rows_apart) {
        row.target.figure += ".xpti";
        all.push_back(row);
    }
    std::ofstream{build / "bench/exact.json"} << to_json(all, date, commit);
    if (request.only.empty() && !request.ringfort_only) {
        fs::create_directories(rf::system::source_directory() / "docs/performance");
        std::ofstream{rf::system::source_directory() / "docs/performance/exact.md"} << report(rows, rows_apart, request, date, commit, build);
    }
    if (request.profile)
        write_profile(request, build, arguments,
                      "# Where the instructions go\n\nWritten by `make bench PROFILE=1` on " + date + " at commit " + commit + "; see [README.md](README.md).\n\n");
}
