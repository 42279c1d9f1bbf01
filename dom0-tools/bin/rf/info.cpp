// SPDX-License-Identifier: MIT
#include <cstdio>
#include <sys/utsname.h>

#include "lifecycle/domain_list.hpp"
#include "output.hpp"
#include "verb.hpp"
#include "xen/version.h"

namespace rf::cli {
namespace {

namespace json = lifecycle::json;

/// The facts in the order of the output. `text` is what xl prints, `value` what JSON holds.
class Facts {
public:
    void add(const std::string& key, std::string text, json::value value)
    {
        lines_ += key + std::string(23 - std::min<std::size_t>(22, key.size()), ' ') + ": " + text + "\n";
        object_[key] = std::move(value);
    }
    void text(const std::string& key, const std::string& text) { add(key, text, json::value(text)); }
    void number(const std::string& key, std::uint64_t number) { add(key, std::to_string(number), number); }
    void memory(const std::string& key, std::uint64_t bytes)
    {
        lines_ += key + std::string(23 - std::min<std::size_t>(22, key.size()), ' ') + ": " + std::to_string(bytes / mebibyte) + "\n";
        object_[key + "_bytes"] = bytes;
    }
    [[nodiscard]] const std::string& lines() const { return lines_; }
    [[nodiscard]] json::object take_object() { return std::move(object_); }

private:
    std::string lines_;
    json::object object_;
};

std::string scheduler_name(std::uint32_t id)
{
    switch (id) {
    case ::xen::XEN_SCHEDULER_CREDIT: return "credit";
    case ::xen::XEN_SCHEDULER_CREDIT2: return "credit2";
    case ::xen::XEN_SCHEDULER_ARINC653: return "arinc653";
    case ::xen::XEN_SCHEDULER_RTDS: return "rtds";
    case ::xen::XEN_SCHEDULER_NULL: return "null";
    default: return "unknown";
    }
}

std::string capability_words(std::uint32_t bits)
{
    static constexpr std::pair<std::uint32_t, const char*> words[] = {
        {::xen::XEN_SYSCTL_PHYSCAP_pv, "pv"},           {::xen::XEN_SYSCTL_PHYSCAP_hvm, "hvm"},
        {::xen::XEN_SYSCTL_PHYSCAP_directio, "hvm_directio"}, {::xen::XEN_SYSCTL_PHYSCAP_hap, "hap"},
        {::xen::XEN_SYSCTL_PHYSCAP_shadow, "shadow"},   {::xen::XEN_SYSCTL_PHYSCAP_gnttab_v1, "gnttab-v1"},
        {::xen::XEN_SYSCTL_PHYSCAP_gnttab_v2, "gnttab-v2"},
    };
    std::string text;
    for (const auto& [bit, word] : words)
        if (bits & bit)
            text += (text.empty() ? "" : " ") + std::string(word);
    return text;
}

void add_machine(Facts& facts)
{
    utsname host{};
    ::uname(&host);
    facts.text("host", host.nodename);
    facts.text("release", host.release);
    facts.text("version", host.version);
    facts.text("machine", host.machine);
}

Result<void> add_resources(Facts& facts, xen::SystemControl& system)
{
    const auto machine = BUILD_TRY(system.physical_info());
    facts.number("nr_cpus", machine.nr_cpus);
    facts.number("max_cpu_id", machine.max_cpu_id);
    facts.number("nr_nodes", machine.nr_nodes);
    facts.number("cores_per_socket", machine.cores_per_socket);
    facts.number("threads_per_core", machine.threads_per_core);
    char mhz[32];
    std::snprintf(mhz, sizeof mhz, "%u.%03u", machine.cpu_khz / 1000, machine.cpu_khz % 1000);
    facts.add("cpu_mhz", mhz, static_cast<double>(machine.cpu_khz) / 1000);
    std::string words;
    for (std::uint32_t word : machine.hw_cap) {
        char text[16];
        std::snprintf(text, sizeof text, "%s%08x", words.empty() ? "" : ":", word);
        words += text;
    }
    facts.text("hw_caps", words);
    facts.text("virt_caps", capability_words(machine.capabilities));
    facts.memory("total_memory", machine.total_pages * xen::page_size);
    facts.memory("free_memory", (machine.free_pages - std::min(machine.outstanding_pages, machine.free_pages)) * xen::page_size);
    facts.memory("outstanding_claims", machine.outstanding_pages * xen::page_size);
    return {};
}

Result<void> add_hypervisor(Facts& facts, xen::SystemControl& system)
{
    const std::uint32_t version = BUILD_TRY(system.version());
    facts.number("xen_major", version >> 16);
    facts.number("xen_minor", version & 0xffff);
    facts.text("xen_extra", BUILD_TRY(system.version_text(::xen::XENVER_extraversion)));
    facts.text("xen_version", std::to_string(version >> 16) + "." + std::to_string(version & 0xffff) +
                                  BUILD_TRY(system.version_text(::xen::XENVER_extraversion)));
    facts.text("xen_caps", BUILD_TRY(system.version_text(::xen::XENVER_capabilities)));
    facts.text("xen_scheduler", scheduler_name(BUILD_TRY(system.scheduler())));
    facts.number("xen_pagesize", xen::page_size);
    facts.text("xen_changeset", BUILD_TRY(system.version_text(::xen::XENVER_changeset)));
    facts.text("xen_commandline", BUILD_TRY(system.version_text(::xen::XENVER_commandline)));
    return {};
}

Result<void> info(const Invocation& invocation)
{
    auto privcmd = BUILD_TRY(lifecycle::open_hypervisor());
    xen::SystemControl system(privcmd);
    Facts facts;
    add_machine(facts);
    BUILD_CHECK(add_resources(facts, system));
    BUILD_CHECK(add_hypervisor(facts, system));
    if (invocation.wants_json())
        print_json(facts.take_object());
    else
        print(facts.lines());
    return {};
}

}  // namespace

Verb info_verb()
{
    return {"info", {}, "show the machine and the hypervisor: processors, memory, version", {}, {output_option()},
            "  rf info\n  rf info -o json\nMemory is in MiB in the table, in bytes in JSON.", info};
}

}  // namespace rf::cli
