// SPDX-License-Identifier: MIT
#include <cstdio>

#include "lifecycle/domain_list.hpp"
#include "output.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

using lifecycle::DomainView;
namespace json = lifecycle::json;

struct VcpuView {
    unsigned number = 0;
    ::xen::xen_domctl_getvcpuinfo info{};
    xen::DomainControl::Affinity affinity;
};

Result<std::vector<VcpuView>> vcpus_of(lifecycle::Session& session, const DomainView& domain, std::uint32_t cpus)
{
    std::vector<VcpuView> vcpus;
    if (domain.info.max_vcpu_id == ::xen::XEN_INVALID_MAX_VCPU_ID)
        return vcpus;
    for (unsigned number = 0; number <= domain.info.max_vcpu_id; ++number) {
        const auto info = BUILD_TRY(session.control().vcpu_info(domain.id, number));
        vcpus.push_back({number, info, BUILD_TRY(session.control().affinity(domain.id, number, cpus))});
    }
    return vcpus;
}

std::string_view state_word(const ::xen::xen_domctl_getvcpuinfo& info)
{
    if (!info.online)
        return "offline";
    if (info.running)
        return "running";
    return info.blocked ? "blocked" : "waiting";
}

/// "all", or ranges such as "0-3,6".
std::string cpu_set_text(const std::vector<std::uint8_t>& bitmap, unsigned cpus)
{
    const auto has = [&](unsigned cpu) { return cpu / 8 < bitmap.size() && (bitmap[cpu / 8] >> cpu % 8 & 1); };
    std::string text;
    unsigned total = 0;
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        if (!has(cpu))
            continue;
        unsigned last = cpu;
        while (last + 1 < cpus && has(last + 1))
            ++last;
        text += (text.empty() ? "" : ",") + std::to_string(cpu) + (last > cpu ? "-" + std::to_string(last) : "");
        total += last - cpu + 1;
        cpu = last;
    }
    return total == cpus ? "all" : text.empty() ? "none" : text;
}

json::object to_json(const VcpuView& vcpu, unsigned cpus)
{
    json::object object{
        {"vcpu", vcpu.number},
        {"state", state_word(vcpu.info)},
        {"cpu_time_ns", vcpu.info.cpu_time},
        {"hard_affinity", cpu_set_text(vcpu.affinity.hard, cpus)},
        {"soft_affinity", cpu_set_text(vcpu.affinity.soft, cpus)},
    };
    if (vcpu.info.online)
        object["cpu"] = vcpu.info.cpu;
    return object;
}

void add_row(Table& table, const DomainView& domain, const VcpuView& vcpu, unsigned cpus)
{
    char time[32];
    std::snprintf(time, sizeof time, "%.1f", static_cast<double>(vcpu.info.cpu_time) / 1e9);
    table.add({domain.shown_name(), std::to_string(domain.id.value), std::to_string(vcpu.number),
               vcpu.info.online ? std::to_string(vcpu.info.cpu) : "-", std::string(state_word(vcpu.info)), time,
               cpu_set_text(vcpu.affinity.hard, cpus) + " / " + cpu_set_text(vcpu.affinity.soft, cpus)});
}

Result<void> vcpu_list(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    std::vector<DomainView> domains;
    for (const std::string& name : invocation.values("DOMAIN"))
        domains.push_back(BUILD_TRY(lifecycle::find_domain(session, name)));
    if (domains.empty())
        domains = BUILD_TRY(lifecycle::list_domains(session));
    const auto machine = BUILD_TRY(session.system().physical_info());
    const unsigned cpus = machine.max_cpu_id + 1;
    Table table({"Name", "ID", "VCPU", "CPU", "State", "Time(s)", "Affinity (Hard / Soft)"});
    json::array all;
    for (const DomainView& domain : domains) {
        json::array vcpus;
        for (const VcpuView& vcpu : BUILD_TRY(vcpus_of(session, domain, cpus))) {
            add_row(table, domain, vcpu, cpus);
            vcpus.push_back(to_json(vcpu, cpus));
        }
        all.push_back(json::object{{"domid", domain.id.value}, {"name", domain.name}, {"vcpus", std::move(vcpus)}});
    }
    if (invocation.wants_json())
        print_json({{"domains", std::move(all)}});
    else
        table.print();
    return {};
}

}  // namespace

Verb vcpu_list_verb()
{
    return {"vcpu-list",
            {},
            "show the vCPUs of domains: where they run, how long they ran, where they may run",
            {{"DOMAIN", "names, numbers or uuids; without one, all", Argument::Count::optional_some}},
            {output_option()},
            "  rf vcpu-list\n  rf vcpu-list web\n  rf vcpu-list -o json web",
            vcpu_list};
}

}  // namespace rf::cli
