// SPDX-License-Identifier: MIT
#include <cstdio>

#include "lifecycle/domain_list.hpp"
#include "output.hpp"
#include "verb.hpp"

namespace rf::cli {
namespace {

using lifecycle::DomainView;
namespace json = lifecycle::json;

json::object to_json(const DomainView& domain)
{
    json::object object{
        {"domid", domain.id.value},
        {"name", domain.name},
        {"uuid", config::to_text(domain.uuid())},
        {"state", domain.state_word()},
        {"memory_bytes", domain.memory_bytes()},
        {"vcpus", domain.info.nr_online_vcpus},
        {"cpu_time_ns", domain.info.cpu_time},
    };
    if (domain.is_shut_down())
        object["shutdown_reason"] = lifecycle::shutdown_reason_text(domain.shutdown_reason());
    return object;
}

/// The columns are a contract with scripts that parse xl's.
void print_row(const DomainView& domain)
{
    char line[160];
    std::snprintf(line, sizeof line, "%-40s %5d %5llu %5u     %s  %8.1f\n", domain.shown_name().c_str(), domain.id.value,
                  static_cast<unsigned long long>(domain.memory_bytes() / mebibyte), domain.info.nr_online_vcpus,
                  domain.state_letters().c_str(), static_cast<double>(domain.info.cpu_time) / 1e9);
    print(line);
}

Result<void> list(const Invocation& invocation)
{
    auto session = BUILD_TRY(lifecycle::Session::open());
    std::vector<DomainView> domains;
    if (invocation.has("DOMAIN"))
        domains.push_back(BUILD_TRY(lifecycle::find_domain(session, invocation.value("DOMAIN"))));
    else
        domains = BUILD_TRY(lifecycle::list_domains(session));
    if (invocation.wants_json()) {
        json::array array;
        for (const DomainView& domain : domains)
            array.push_back(to_json(domain));
        print_json({{"domains", std::move(array)}});
        return {};
    }
    char header[160];
    std::snprintf(header, sizeof header, "%-40s %5s %5s %5s %10s %8s\n", "Name", "ID", "Mem", "VCPUs", "State", "Time(s)");
    print(header);
    for (const DomainView& domain : domains)
        print_row(domain);
    return {};
}

}  // namespace

Verb list_verb()
{
    return {"list",
            {"ls"},
            "show the domains: name, number, memory in MiB, vCPUs, state, processor time",
            {{"DOMAIN", "name, number or uuid; without it, all", Argument::Count::optional}},
            {output_option()},
            "  rf list\n  rf list web\n  rf list -o json\n"
            "State letters: r running, b blocked, p paused, s shut down with reason (- power-off, r reboot, s suspend,\n"
            "c crash, w watchdog), d being destroyed.",
            list};
}

}  // namespace rf::cli
