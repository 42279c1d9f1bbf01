// SPDX-License-Identifier: MIT
#include "figures.hpp"

#include <sstream>

namespace rf::bench {

namespace {

void parse_line(Results& results, const std::string& line) {
    std::istringstream words{line};
    std::string mark, kind, name;
    words >> mark >> kind;
    if (mark != "bench:") return;
    if (kind == "done") results.complete = true;
    if (kind == "start")
        if (std::uint64_t start = 0; words >> start) results.start = start;
    if (kind == "figure") {
        Figure figure;
        std::string rounds, units, total, least, most;
        if (words >> name >> rounds >> figure.rounds >> units >> figure.units >> total >> figure.total >> least >> figure.least >> most >>
                figure.most &&
            figure.rounds * figure.units != 0)
            results.figures[name] = figure;
    }
    if (kind == "refused" && words >> name) {
        std::getline(words >> std::ws, results.refused[name]);
    }
}

}  // namespace

Results parse_results(std::string_view log) {
    Results results;
    std::istringstream lines{std::string{log}};
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        // a hypervisor may put a prefix before what Dom0 prints
        if (const auto at = line.find("bench: "); at != std::string::npos) parse_line(results, line.substr(at));
    }
    return results;
}

bool asked_for(std::string_view list, std::string_view figure) {
    if (list.empty()) return true;
    const auto family = figure.substr(0, figure.find('.'));
    while (!list.empty()) {
        const auto word = list.substr(0, list.find(','));
        if (word == family || word == figure) return true;
        list.remove_prefix(std::min(list.size(), word.size() + 1));
    }
    return false;
}

const std::vector<Target>& targets() {
    constexpr auto no = std::nullopt;
    static const std::vector<Target> rows{
        {"M1", "null hypercall (xen_version, unknown sub-operation)", 0.5, 0.3, ""},
        {"M1.multicall", "one of 16 null calls in a multicall", no, no, ""},
        {"M2", "hypercall that copies 24 bytes in and out (EVTCHNOP_status)", 0.5, 0.4, ""},
        {"M2.copy_out", "hypercall that copies 16 bytes out (XENVER_extraversion)", 0.5, 0.4, ""},
        {"M3", "system call: user, guest kernel, user", 0.5, 0.3, ""},
        {"M3.in", "of that, the way in", no, no, ""},
        {"M4", "the same, both with xpti=true", 0.25, 0.12, ""},
        {"M5.kernel", "iret hypercall to the kernel itself", 0.5, 0.3, ""},
        {"M5.user", "iret hypercall to user mode", 0.5, 0.3, ""},
        {"M6.ud", "#UD of the kernel: to its handler and back", 0.5, 0.35, ""},
        {"M6.gp", "#GP of the kernel (address not canonical)", 0.5, 0.35, ""},
        {"M6.gp_selector", "#GP of the kernel (selector beyond the table)", 0.5, 0.35, ""},
        {"M6.pf", "#PF of the kernel", 0.5, 0.35, ""},
        {"M6.pf_user", "#PF of user mode", 0.5, 0.35, ""},
        {"M8.no_flush", "update_va_mapping, writable frame for writable frame", 0.5, 0.3, ""},
        {"M8.invlpg", "the same with INVLPG", 0.5, 0.3, ""},
        {"M8.flush", "the same with a local TLB flush", 0.5, 0.3, ""},
        {"M8.unmap_map", "one call to unmap or map", 0.5, 0.3, ""},
        {"M9", "mmu_update, per entry, 128 entries of one table", 0.5, 0.3, ""},
        {"M9.unmap_map", "the same, entries to and from nothing", 0.5, 0.3, ""},
        {"M9.single", "mmu_update of one entry", no, no, ""},
        {"M9.stored", "xchg on an entry, carried out by the hypervisor", no, no, ""},
        {"M9.touched", "an entry cleared by xchg, and set by mmu_update", no, no, ""},
        {"M10", "pin and unpin of a level-1 table, 512 present, per entry and act", 0.5, 0.3, ""},
        {"M10.pin", "of that, the pin, per entry", no, no, ""},
        {"M11", "base pointer switch", 0.5, 0.35, ""},
        {"M13.rdmsr", "privileged instruction: rdmsr (EFER)", 0.5, 0.35, ""},
        {"M13.cpuid", "cpuid by the forced-emulation prefix", 0.5, 0.35, ""},
        {"M13.mov_from_cr0", "mov from CR0", 0.5, 0.35, ""},
        {"M13.mov_to_cr4", "mov from and to CR4", 0.5, 0.35, ""},
        {"M14", "event send (IPI to oneself) to the handler's first instruction", 0.6, 0.4, ""},
        {"M14.interdomain", "the same by an interdomain channel to oneself", 0.6, 0.4, ""},
        {"M16.single", "grant map + unmap", 0.5, 0.3, ""},
        {"M16.batch", "the same in batches of 32, per page", 0.5, 0.3, ""},
        {"M17", "grant copy of 4 KiB (512 of these are the copy itself)", no, no, ""},
        {"M17.batch", "the same in batches of 32, per page", no, no, ""},
        {"M17.64_bytes", "grant copy of 64 bytes", 0.5, 0.35, ""},
        {"M17.64_bytes_batch", "the same in batches of 32", 0.5, 0.35, ""},
        {"M18.yield", "sched_yield with nobody else to run", no, no, ""},
        {"M18", "domain switch", 0.7, 0.5, "needs a second domain, so Dom0: make bench-linux (linux.md)"},
        {"M19", "set_timer_op to its callback, without the waiting", 0.6, 0.45, ""},
        {"M20", "create a domain, whole machine", 0.2, 0.1, "needs Dom0: make bench-linux (linux.md)"},
        {"M25", "loader's end to the bench kernel's program, as initial domain", 0.5, 0.25, ""},
        {"M29", "store operations", 0.4, 0.2, "needs Dom0: make bench-linux (linux.md)"},
        {"M38", "memory of an idle domain", 0.5, no, "needs Dom0: make bench-linux (linux.md)"},
        {"M39", "1 MiB guests in a 2 GiB machine", no, no, "needs Dom0: make bench-linux (linux.md)"},
        {"M40", "size of code and constants, bytes (aim: 262144)", 0.25, no, ""},
    };
    return rows;
}

}  // namespace rf::bench
