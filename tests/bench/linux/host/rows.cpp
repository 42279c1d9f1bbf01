// SPDX-License-Identifier: MIT
#include "rows.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>

namespace rf::bench {

namespace {

constexpr auto no = std::nullopt;

/// How a side's figure is found.
using Finder = std::function<std::optional<Figure>(const Side&)>;

/// A row, and why it may be missing is looked up under `names` of the readings.
struct Plan {
    std::string stage;
    Target target;
    Finder xen, ringfort;
    std::string xen_name, ringfort_name;
};

Figure single(std::uint64_t value) { return {1, 1, value, value, value}; }

Plan window(const std::string& stage, const Target& target, const std::string& xen, const std::string& ringfort)
{
    const auto finder = [](const std::string& name) { return [name](const Side& side) { return side.main.figure(name); }; };
    return {stage, target, finder(xen), finder(ringfort), xen, ringfort};
}

Plan window(const std::string& stage, const Target& target, const std::string& name) { return window(stage, target, name, name); }

Plan computed(const std::string& stage, const Target& target, const Finder& finder, const std::string& name)
{
    return {stage, target, finder, finder, name, name};
}

/// What is neither free nor Dom0's.
std::optional<Figure> reserve(const Readings& readings, std::uint64_t machine_kib)
{
    const auto free = readings.value("boot.free"), dom0 = readings.value("boot.dom0");
    if (!free || !dom0) return no;
    return single(machine_kib - free->total - dom0->total);
}

constexpr std::uint64_t idle_guest_kib = 8 * 1024;

std::optional<Figure> idle_overhead(const Readings& readings)
{
    const auto before = readings.value("idle.before.free"), after = readings.value("idle.after.free");
    if (!before || !after || before->total < after->total + idle_guest_kib) return no;
    return single(before->total - after->total - idle_guest_kib);
}

std::optional<Figure> wall(const Side& side)
{
    if (side.boot_seconds.empty()) return no;
    auto sorted = side.boot_seconds;
    std::sort(sorted.begin(), sorted.end());
    const auto milliseconds = [](double seconds) { return static_cast<std::uint64_t>(seconds * 1000); };
    return Figure{1, 1, milliseconds(sorted[sorted.size() / 2]), milliseconds(sorted.front()), milliseconds(sorted.back())};
}

std::vector<Plan> boot_plans()
{
    return {
        window("boot", {"M25.user_space", "power-on to Dom0's user space", 0.95, 0.9, ""}, "dom0.reached"),
        window("boot", {"M25.tools", "power-on to store, console and domain tools ready", no, no, ""}, "tools.reached"),
        computed("boot", {"M25.wall", "start of the emulator to Dom0's user space, 2 processors, ms of wall clock", no, no, ""}, wall, "wall"),
        computed("boot", {"M38.reserve_4", "machine of 4 GiB: KiB neither Dom0's nor free", no, no, ""},
                 [](const Side& side) { return reserve(side.main, main_machine_kib); }, "boot"),
        computed("many", {"M38.reserve_2", "machine of 2 GiB: KiB neither Dom0's nor free", 0.5, 0.25, ""},
                 [](const Side& side) { return reserve(side.many, many_machine_kib); }, "boot"),
    };
}

std::vector<Plan> create_plans()
{
    const auto target = [](const char* name, const char* meaning, std::optional<double> at_most = no, std::optional<double> aim = no) {
        return Target{name, meaning, at_most, aim, ""};
    };
    return {
        window("create", target("M20", "create, our smallest kernel (8 MiB, 1 disk, 1 card): command to its program; xl as Debian ships it", 0.2, 0.1),
               "create.scripts.reached", "create.kernel.reached"),
        window("create", target("M20.short", "the same, xl with the tests' own short hot-plug scripts"), "create.kernel.reached"),
        window("create", target("M20.bare", "the same without devices, so without scripts"), "create.bare.reached"),
        window("create", target("M20.linux_first", "create, Debian's kernel (128 MiB, 1 disk, 1 card; short scripts), never unpacked before: the command"), "create.linux_first"),
        window("create", target("M20.linux", "the same later: the command"), "create.linux"),
        window("create", target("M20.linux_first_up", "the first one: command to its user space"), "create.linux_first.reached"),
        window("create", target("M20.linux_up", "later ones: command to its user space"), "create.linux.reached"),
        window("create", target("M22", "destroy our smallest kernel with disk and card, until all is quiet; xl as Debian ships it", 0.3, 0.15),
               "destroy.scripts", "destroy.kernel"),
        window("create", target("M22.short", "the same, xl with short scripts"), "destroy.kernel"),
        window("create", target("M22.bare", "destroy it without devices"), "destroy.bare"),
        window("create", target("M22.linux", "destroy Linux with disk and card, xl with short scripts"), "destroy.linux"),
        computed("create", target("M38", "KiB the hypervisor takes for an idle domain of 1 vCPU, beside its memory", 0.5),
                 [](const Side& side) { return idle_overhead(side.main); }, "idle"),
    };
}

std::vector<Plan> switch_plans()
{
    return {window("switch", {"M18", "two guests hand the processor to each other: a send, a block, the switch, the other's upcall", 0.7, 0.5, ""}, "M18")};
}

std::vector<Plan> store_plans()
{
    std::vector<Plan> plans;
    for (const auto& [name, meaning] : {std::pair{"read", "store: read"}, {"write", "store: write"}, {"transaction", "store: transaction of 20 writes"},
                                        {"watch", "store: write and its watch's event, 1,000 watches set"}})
        plans.push_back(window("store", {std::string("M29.") + name, meaning, 0.4, 0.2, ""}, std::string("M29.") + name));
    return plans;
}

std::vector<Plan> process_plans()
{
    std::vector<Plan> plans;
    for (const auto& [name, meaning] :
         {std::pair{"fork", "DomU: fork, exit, wait"}, {"exec", "DomU: fork, exec of a static program, wait"},
          {"pipe", "DomU: round trip between two processes (2 switches)"}, {"page_fault", "DomU: first touch of a page, and its release"}})
        plans.push_back(window("processes", {std::string("M12.") + name, meaning, 0.8, 0.65, ""}, std::string("M12.") + name));
    plans.push_back(window("processes", {"M12.syscall", "DomU: getppid", no, no, ""}, "M12.syscall"));
    return plans;
}

std::vector<Plan> block_plans()
{
    std::vector<Plan> plans;
    for (const auto& [name, meaning] : {std::pair{"4k_depth1", "4 KiB random read, depth 1"}, {"4k_depth32", "4 KiB random read, depth 32"},
                                        {"128k_depth4", "128 KiB sequential read, depth 4"}}) {
        const auto add = [&](const char* suffix, const char* more, std::optional<double> at_most, std::optional<double> aim, const char* xen,
                             const char* ringfort) {
            plans.push_back(window("block", {std::string("M31.") + name + suffix, std::string(meaning) + more, at_most, aim, ""},
                                   std::string("M31.") + xen + "." + name, std::string("M31.") + ringfort + "." + name));
        };
        add(".qdisk", ": our backend against qdisk", 0.5, 0.35, "qdisk", "rf");
        add(".blkback", ": our backend against blkback on a loop device", 1.2, 0.8, "loop", "rf");
        add(".kernel", ": blkback on a loop device on both", no, no, "loop", "phy");
    }
    return plans;
}

std::vector<Plan> network_plans()
{
    std::vector<Plan> plans;
    for (const auto& [kind, what] : {std::pair{"rf", ""}, {"netback", ", netback on both"}})
        for (const auto& [peer, with] : {std::pair{"dom0", "guest with Dom0"}, {"guest", "guest with guest"}})
            for (const auto& [name, meaning] :
                 {std::pair{"round_trip", "packet of 64 bytes there and back"}, {"packets_out", "packet of 64 bytes sent, in bursts of 32"},
                  {"packets_in", "packet of 64 bytes received, in bursts of 32"}, {"tcp_out", "MiB of TCP sent"}, {"tcp_in", "MiB of TCP received"}}) {
                const bool ours = std::string_view(kind) == "rf", stream = std::string_view(name).starts_with("tcp");
                const auto suffix = std::string(".") + peer + "." + name;
                plans.push_back(window("network",
                                       {"M32" + suffix + (ours ? "" : ".kernel"), std::string(with) + ": " + meaning + what,
                                        ours ? std::optional(stream ? 1.1 : 1.5) : no, ours ? std::optional(stream ? 0.7 : 1.0) : no, ""},
                                       "M32.netback" + suffix, std::string("M32.") + kind + suffix));
            }
    return plans;
}

std::vector<Plan> many_plans()
{
    std::vector<Plan> plans;
    const auto grown = [&](const Target& target, const std::string& name, double from, double to) {
        plans.push_back(computed("many", target, [=](const Side& side) { return growth(side.many, name, from, to); }, name));
    };
    grown({"M21", "create of the 100th domain / of the 1st", 1.2, 1.05, "", Judged::own_at_most}, "curve.create", 1, 100);
    grown({"M21.destroy", "destroy beside 99 domains / of the last", 1.2, 1.05, "", Judged::own_at_most}, "curve.destroy", 1, 100);
    grown({"M21.list", "list of 100 domains / of 1", no, no, ""}, "curve.list", 1, 100);
    grown({"M21.store", "store read beside 100 domains / beside none", 1.2, 1.05, "", Judged::own_at_most}, "M29.read", 0, 100);
    grown({"M21.event", "event sent and received beside 100 domains / beside none", 1.2, 1.05, "", Judged::own_at_most}, "curve.event", 0, 100);
    plans.push_back(computed("many", {"M39", "smallest domains (Xen: 4 MiB, Ringfort: 1 MiB) running in a machine of 2 GiB, 1 GiB of it Dom0's", 2.0, no, "", Judged::ratio_at_least},
                             [](const Side& side) -> std::optional<Figure> {
                                 // without a refusal nothing is known of the limit
                                 return side.many.value("fill.refused") ? side.many.value("fill.count") : no;
                             },
                             "fill"));
    return plans;
}

std::string reason(const Side& side, const std::string& who, const std::string& name)
{
    for (const auto* readings : {&side.main, &side.many})
        for (const auto& [key, why] : readings->refused)
            if (name.starts_with(key) || key == "create." + name) return who + ": " + why;
    return who + ": its machine did not tell " + name;
}

std::vector<Plan> all_plans()
{
    std::vector<Plan> all;
    for (const auto& plans : {boot_plans(), create_plans(), switch_plans(), store_plans(), process_plans(), block_plans(), network_plans(), many_plans()})
        all.insert(all.end(), plans.begin(), plans.end());
    return all;
}

/// A row of both counts, or nothing where there is too little to tell.
std::string repeats_row(const Plan& plan, const Side& xen, const Side& ringfort)
{
    const auto xen_all = xen.main.figure(plan.xen_name), xen_once = xen.main.figure_without_repeats(plan.xen_name);
    const auto our_all = ringfort.main.figure(plan.ringfort_name), our_once = ringfort.main.figure_without_repeats(plan.ringfort_name);
    if (!xen_all || !our_all) return "";
    constexpr double worth_telling = 0.98;
    if (xen_once->mean() > worth_telling * xen_all->mean() && our_once->mean() > worth_telling * our_all->mean()) return "";
    std::array<char, 256> text;
    std::snprintf(text.data(), text.size(), "| %s | %.0f | %.0f | %.2f | %.0f | %.0f | %.2f |\n", plan.target.figure.c_str(), xen_all->mean(), our_all->mean(),
                  our_all->mean() / xen_all->mean(), xen_once->mean(), our_once->mean(), our_once->mean() / xen_once->mean());
    return text.data();
}

}  // namespace

std::string repeats_to_markdown(const Side& xen, const Side& ringfort, std::string_view only)
{
    std::string out = "| figure | Xen: each iteration | Ringfort | ratio | Xen: each instruction | Ringfort | ratio |\n|---|--:|--:|--:|--:|--:|--:|\n";
    for (const auto& plan : all_plans())
        if (asked_for(only, plan.stage)) out += repeats_row(plan, xen, ringfort);
    return out;
}

std::optional<Figure> growth(const Readings& readings, const std::string& name, double from, double to)
{
    const auto points = series(readings, name);
    const auto at = [&points](double x) {
        return std::find_if(points.begin(), points.end(), [x](const auto& point) { return point.first == x; });
    };
    const auto first = at(from), last = at(to);
    if (first == points.end() || last == points.end() || first->second == 0) return no;
    const auto thousandths = static_cast<std::uint64_t>(1000 * last->second / first->second);
    return Figure{1, 1000, thousandths, thousandths, thousandths};
}

std::vector<Row> service_rows(const Side& xen, const Side& ringfort)
{
    std::vector<Row> rows;
    for (const auto& target : targets()) {
        const auto theirs = xen.main.guest.find(target.figure), ours = ringfort.main.guest.find(target.figure);
        const bool complete = theirs && ours;
        auto missing = complete ? "" : why_missing(xen.main.guest, ringfort.main.guest, target.figure);
        if (!theirs && !ours && missing.empty()) continue;  // a figure of the initial domain alone
        if (!complete && missing.empty()) missing = reason(theirs ? ringfort : xen, theirs ? "Ringfort" : "Xen", "services");
        rows.push_back(make_row(target, theirs, ours, missing));
    }
    return rows;
}

std::vector<Row> linux_rows(const Side& xen, const Side& ringfort, std::string_view only)
{
    std::vector<Row> rows;
    for (const auto& plan : all_plans()) {
        if (!asked_for(only, plan.stage)) continue;
        const auto theirs = plan.xen(xen), ours = plan.ringfort(ringfort);
        std::string missing;
        // what is judged by Ringfort's figure alone is complete without the other
        if (!theirs && (!ours || plan.target.judged != Judged::own_at_most)) missing = reason(xen, "Xen", plan.xen_name);
        if (!ours) missing += (missing.empty() ? "" : "; ") + reason(ringfort, "Ringfort", plan.ringfort_name);
        rows.push_back(make_row(plan.target, theirs, ours, missing));
    }
    return rows;
}

}  // namespace rf::bench
