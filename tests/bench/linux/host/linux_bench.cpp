// SPDX-License-Identifier: MIT
// linux_bench: boots Debian's Xen and Ringfort with the same Dom0 and the same guests, has both do the same work under a meter of
// executed instructions, prints one table and writes it down.
#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>

#include "functions.hpp"
#include "harness/options.hpp"
#include "machines.hpp"
#include "plot.hpp"
#include "rows.hpp"

namespace {

using namespace rf::bench;
namespace fs = std::filesystem;

constexpr auto usage = R"(usage: linux_bench [option]...
  --only STAGE,...  of boot, create, services, switch, store, processes, block, network, many
  --ringfort-only   Xen's figures from the last run      --again    both from the last run: only judge and write
  --boots N         pairs of boots by the clock (5)      --many N   small guests for the curves (100)
  --fill N          small guests at most, for M39 (0: as many as --many)
  --xen-only        Ringfort's figures from the last run
  --minutes N       limit of one machine (60)
  --profile         only this: Ringfort's functions in each window of the stages, as docs/performance/linux-profile.md
Writes docs/performance/linux.md and linux.svg when no --only is given, and build/bench/linux.json always.
)";

struct Request {
    std::string only;
    bool run_xen = true, run_ringfort = true, profile = false;
    unsigned boots = 5, many = 100, fill = 0, minutes = 60;
};

[[noreturn]] void give_up(const std::string& why)
{
    std::cerr << "linux_bench: " << why << '\n';
    std::exit(1);
}

template <typename T>
T must(Result<T> result)
{
    if (!result) give_up(result.error().message);
    return std::move(*result);
}

Request parse(int count, char** words)
{
    Request request;
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        const auto value = [&]() -> std::string { return i + 1 < count ? words[++i] : (give_up(word + " wants a value"), ""); };
        const auto number = [&] { return static_cast<unsigned>(std::strtoul(value().c_str(), nullptr, 10)); };
        if (word == "--only") request.only = value();
        else if (word == "--ringfort-only") request.run_xen = false;
        else if (word == "--xen-only") request.run_ringfort = false;
        else if (word == "--again") request.run_xen = request.run_ringfort = false;
        else if (word == "--boots") request.boots = number();
        else if (word == "--many") request.many = number();
        else if (word == "--fill") request.fill = number();
        else if (word == "--profile") request.profile = true;
        else if (word == "--minutes") request.minutes = number();
        else give_up(usage);
    }
    return request;
}

constexpr const char* stages[] = {"boot", "create", "services", "switch", "store", "processes", "block", "network", "many"};

LinuxRun run_of(Who who, const std::string& stage, const Request& request)
{
    LinuxRun run{.who = who, .stage = stage, .memory_mib = main_machine_kib / 1024, .dom0_mib = 1024, .kernel_arguments = {},
                 .limit = std::chrono::minutes{request.minutes}};
    if (stage == "many") {
        run.memory_mib = many_machine_kib / 1024;
        run.kernel_arguments = "rf.many=" + std::to_string(request.many) + " rf.fill=" + std::to_string(request.fill);
    }
    return run;
}

/// The machines of both at the same time; how fast they go does not matter.
void measure(const Request& request, const fs::path& build)
{
    std::vector<std::pair<Who, fs::path>> sides;
    if (request.run_xen) sides.emplace_back(Who::xen, must(lay_dom0(Who::xen, build)));
    if (request.run_ringfort) sides.emplace_back(Who::ringfort, must(lay_dom0(Who::ringfort, build)));
    for (const auto* stage : stages) {
        if (!asked_for(request.only, stage)) continue;
        std::vector<MeteredMachine> machines;
        for (const auto& [who, root] : sides) {
            machines.push_back(must(MeteredMachine::start(run_of(who, stage, request), root, build)));
            std::ofstream{build / "bench" / ("linux-" + std::string(stage) + "-" + name_of(who) + ".command")} << machines.back().command_line() << '\n';
        }
        std::cerr << "linux_bench: " << stage << '\n';
        for (auto& machine : machines)
            if (auto ended = machine.finish(); !ended) std::cerr << "linux_bench: " << ended.error().message << '\n';
    }
}

/// What all machines of one hypervisor told.
Side read_side(Who who, const Request& request, const fs::path& build)
{
    Side side;
    for (const auto* stage : stages) {
        auto readings = read_meter(meter_file(run_of(who, stage, request), build));
        if (!readings.complete && !readings.windows.empty()) readings.notes.push_back(std::string("stage ") + stage + " did not come to its end");
        if (std::string_view(stage) == "many") side.many = readings;
        else side.main.add(readings);
    }
    return side;
}

std::string commands_of(const fs::path& build)
{
    std::string out;
    for (const auto who : {Who::xen, Who::ringfort})
        for (const auto* stage : stages)
            if (std::ifstream in{build / "bench" / ("linux-" + std::string(stage) + "-" + name_of(who) + ".command")}; in) {
                std::string line;
                std::getline(in, line);
                out += "    " + line + "\n";
            }
    return out;
}

void boot_by_the_clock(const Request& request, Side& xen, Side& ringfort)
{
    if (!asked_for(request.only, "boot")) return;
    for (unsigned pair = 0; pair < request.boots; ++pair)
        for (const auto& [who, side] : {std::pair{Who::xen, &xen}, std::pair{Who::ringfort, &ringfort}})
            if (auto seconds = boot_seconds(who)) side->boot_seconds.push_back(*seconds);
            else std::cerr << "linux_bench: " << seconds.error().message << '\n';
}

/// The clock's results survive for --again.
void keep_seconds(Side& side, Who who, bool fresh)
{
    const auto file = rf::system::build_directory() / "bench" / ("linux-boot-" + name_of(who) + ".seconds");
    if (fresh && !side.boot_seconds.empty()) {
        std::ofstream out{file};
        for (const double seconds : side.boot_seconds) out << seconds << '\n';
        return;
    }
    std::ifstream in{file};
    for (double seconds; in >> seconds;) side.boot_seconds.push_back(seconds);
}

std::vector<Curve> curves_of(const Side& xen, const Side& ringfort)
{
    std::vector<Curve> curves;
    for (const auto& [title, name] : {std::pair{"create, and half a second after", "curve.create"}, {"destroy", "curve.destroy"}, {"list", "curve.list"},
                                      {"store: read", "M29.read"}, {"store: transaction of 20 writes", "M29.transaction"},
                                      {"event to oneself and back", "curve.event"}})
        if (Curve curve{title, series(xen.many, name), series(ringfort.many, name)}; !curve.xen.empty() || !curve.ringfort.empty())
            curves.push_back(curve);
    return curves;
}

std::string today()
{
    const std::time_t now = std::time(nullptr);
    char text[16];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now))};
}

std::string commit()
{
    auto text = rf::system::run_program({"git", "-C", rf::system::source_directory(), "rev-parse", "--short", "HEAD"}).value_or("unknown");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::string notes_of(const Side& xen, const Side& ringfort)
{
    std::string out;
    for (const auto& [side, who] : {std::pair{&xen, "Xen"}, {&ringfort, "Ringfort"}})
        for (const auto* readings : {&side->main, &side->many})
            for (const auto& note : readings->notes) out += std::string("- ") + who + ": " + note + "\n";
    return out.empty() ? "" : "\n## Notes of the run\n\n" + out;
}

std::string services_of(const Side& xen, const Side& ringfort)
{
    return "## The exact figures in an ordinary guest\n\nThe kernel of [exact.md](exact.md) as a DomU beside a sleeping Dom0, by the counter it reads itself: the least of all rounds of two "
           "guests, because Dom0's\ntimers fall into some.\n\n" + to_markdown(service_rows(xen, ringfort)) + "\n";
}

void write(const std::vector<Row>& rows, const Side& xen, const Side& ringfort, const std::string& commands)
{
    const auto place = rf::system::source_directory() / "docs/performance";
    const auto date = today(), at = commit();
    std::ofstream{place / "linux.svg"} << to_svg(rows, curves_of(xen, ringfort), date + ", commit " + at + ", QEMU 7.2, single-threaded TCG, -icount shift=0");
    std::ofstream{place / "linux.md"}
        << "# Linux figures\n\nExecuted instructions of the whole machine per operation, unless a row says otherwise; written by `make bench-linux` on " << date
        << " at commit " << at << ".\nWhat is measured and how: [README.md](README.md). Ratio: Ringfort / Xen.\n\n" << to_markdown(rows)
        << "\n![ratios and curves](linux.svg)\n\n" << services_of(xen, ringfort) << "## Where the instructions lie\n\n" << parts_to_markdown(xen, ringfort)
        << "\n## Repeated string instructions\n\nThe table above counts each iteration of `rep movsb` and its like, and so do its ratios and verdicts. Here "
           "are, beside it, the same runs\nwith each such instruction counted once, wherever that is more than one in fifty.\n\n"
        << repeats_to_markdown(xen, ringfort, "") << "\n## Spread\n\n"
        << spread_to_markdown(rows) << notes_of(xen, ringfort) << "\n## The machines\n\n" << commands;
}

std::string text_of(const fs::path& file)
{
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// Ringfort's machines once more, with counts by function.
void write_profiles(const Request& request, const fs::path& build)
{
    const auto root = must(lay_dom0(Who::ringfort, build));
    const auto names = must(names_of_image(build / "ringfort"));
    std::string report = "# Where the instructions of the Linux figures go\n\nRingfort's functions and the kernels' (Dom0's and the guests' are one), per operation, "
                         "down to one in fifty of each; written by `make bench-linux PROFILE=1` on " + today() + " at commit " + commit() + ".\n";
    for (const auto* stage : stages) {
        // the kernel of `services` counts by itself, without windows
        if (!asked_for(request.only, stage) || std::string_view(stage) == "many" || std::string_view(stage) == "services") continue;
        auto run = run_of(Who::ringfort, stage, request);
        run.profile = build / "bench" / ("linux-" + run.stage + ".profile");
        if (auto ended = must(MeteredMachine::start(run, root, build)).finish(); !ended) give_up(ended.error().message);
        const auto kernel = names_of_kernel(text_of(meter_file(run, build)));
        report += "\n## " + run.stage + "\n\n" + profiles_to_markdown(parse_profiles(text_of(run.profile), names, kernel));
    }
    std::cout << report;
    std::ofstream{rf::system::source_directory() / "docs/performance/linux-profile.md"} << report;
}

}  // namespace

int main(int count, char** words)
{
    const Request request = parse(count, words);
    const auto build = rf::system::build_directory();
    fs::create_directories(build / "bench");
    if (request.profile) {
        write_profiles(request, build);
        return 0;
    }
    Side xen, ringfort;
    measure(request, build);
    for (const auto& [who, side] : {std::pair{Who::xen, &xen}, {Who::ringfort, &ringfort}}) *side = read_side(who, request, build);
    const bool both = request.run_xen && request.run_ringfort;
    if (both) boot_by_the_clock(request, xen, ringfort);
    keep_seconds(xen, Who::xen, both);
    keep_seconds(ringfort, Who::ringfort, both);
    const auto rows = linux_rows(xen, ringfort, request.only);
    std::cout << to_markdown(rows) << '\n';
    if (asked_for(request.only, "services")) std::cout << services_of(xen, ringfort);
    std::cout << repeats_to_markdown(xen, ringfort, request.only) << notes_of(xen, ringfort);
    auto all = rows;
    for (auto row : service_rows(xen, ringfort)) {
        row.target.figure += ".domu";
        all.push_back(row);
    }
    std::ofstream{build / "bench/linux.json"} << to_json(all, today(), commit());
    if (request.only.empty()) write(rows, xen, ringfort, commands_of(build));
}
