// SPDX-License-Identifier: MIT
#include "config/domain_reader.hpp"

#include "config/device_reader.hpp"
#include "config/reading.hpp"
#include "config/xml_reader.hpp"

namespace rf::config {
namespace {

constexpr unsigned most_vcpus = 64;
constexpr std::uint64_t mib = 1u << 20;
constexpr std::uint64_t least_memory = 1 * mib;
constexpr std::uint64_t most_memory = 1ull << 44;  ///< 16 TiB
constexpr std::size_t longest_name = 63;
constexpr std::size_t longest_command_line = 1023;
constexpr unsigned usual_weight = 256;

class DomainReader {
public:
    DomainReader(const ReadOptions& options, Definition& definition)
        : options_(options), reading_(options, definition.warnings), spec_(definition.spec)
    {
    }
    Result<void> read(const Element& domain);

private:
    using Child = Reading::Child<DomainReader>;

    Result<void> name(const Element& element);
    Result<void> uuid(const Element& element);
    Result<void> title(const Element& element) { return keep(element, spec_.title); }
    Result<void> description(const Element& element) { return keep(element, spec_.description); }
    Result<void> memory(const Element& element) { return size(element, memory_); }
    Result<void> current_memory(const Element& element) { return size(element, current_memory_); }
    Result<void> maximum_memory(const Element& element) { return size(element, maximum_memory_); }
    Result<void> vcpu(const Element& element);
    Result<void> cputune(const Element& element);
    Result<void> os(const Element& element);
    Result<void> os_type(const Element& element);
    Result<void> clock(const Element& element);
    Result<void> on_poweroff(const Element& element) { return action(element, spec_.on_poweroff); }
    Result<void> on_reboot(const Element& element) { return action(element, spec_.on_reboot); }
    Result<void> on_crash(const Element& element) { return action(element, spec_.on_crash); }
    Result<void> devices(const Element& element) { return DeviceReader(reading_, spec_).read(element); }
    Result<void> bootloader(const Element& element);
    Result<void> without_effect(const Element& element);

    Result<void> keep(const Element& element, std::string& to);
    Result<void> size(const Element& element, std::optional<std::uint64_t>& to);
    Result<void> action(const Element& element, EndAction& to);
    Result<void> path(const Element& element, std::string& to);
    Result<void> complete(const Element& domain);
    void choose_macs();

    const ReadOptions& options_;
    Reading reading_;
    DomainSpec& spec_;
    std::optional<std::uint64_t> memory_, current_memory_, maximum_memory_;
    std::optional<Uuid> uuid_;
};

Result<void> DomainReader::read(const Element& domain)
{
    if (domain.name != "domain")
        return reading_.refuse(domain, "a definition begins with <domain type='xen'>");
    if (const auto type = domain.attribute("type"); type != "xen")
        return reading_.refuse(domain, "type='" + std::string(type.value_or("")) + "' is not 'xen'");
    static constexpr Child known[] = {
        {"name", &DomainReader::name},
        {"uuid", &DomainReader::uuid},
        {"title", &DomainReader::title},
        {"description", &DomainReader::description},
        {"memory", &DomainReader::memory},
        {"currentMemory", &DomainReader::current_memory},
        {"maxMemory", &DomainReader::maximum_memory},
        {"vcpu", &DomainReader::vcpu},
        {"cputune", &DomainReader::cputune},
        {"os", &DomainReader::os},
        {"clock", &DomainReader::clock},
        {"on_poweroff", &DomainReader::on_poweroff},
        {"on_reboot", &DomainReader::on_reboot},
        {"on_crash", &DomainReader::on_crash},
        {"devices", &DomainReader::devices},
        {"bootloader", &DomainReader::bootloader},
        {"bootloader_args", &DomainReader::without_effect},
        {"seclabel", &DomainReader::without_effect},
        {"cpu", &DomainReader::without_effect},
        {"metadata"},
        {"genid"},
        {"features"},
        {"resource"},
    };
    CONFIG_CHECK(reading_.read_children<DomainReader>(*this, domain, known));
    return complete(domain);
}

Result<void> DomainReader::keep(const Element& element, std::string& to)
{
    to = element.trimmed_text();
    return {};
}

Result<void> DomainReader::name(const Element& element)
{
    spec_.name = element.trimmed_text();
    if (!is_good_name(spec_.name))
        return reading_.refuse(element, "'" + spec_.name + "' cannot be a name: 1 to 63 letters, digits and -_.+:@, not only digits");
    return {};
}

Result<void> DomainReader::uuid(const Element& element)
{
    uuid_ = parse_uuid(element.trimmed_text());
    if (!uuid_ || *uuid_ == Uuid{})
        return reading_.refuse(element, "'" + std::string(element.trimmed_text()) + "' is not an identifier of 32 hexadecimal digits");
    return {};
}

Result<void> DomainReader::size(const Element& element, std::optional<std::uint64_t>& to)
{
    const std::string_view unit = element.attribute("unit").value_or("KiB");
    if (!bytes_of_unit(unit))
        return reading_.refuse(element, "unit='" + std::string(unit) + "' is unknown: use KiB, MiB or GiB");
    to = parse_size(element.trimmed_text(), unit);
    if (!to || *to < least_memory || *to > most_memory)
        return reading_.refuse(element, "'" + std::string(element.trimmed_text()) + "' " + std::string(unit) +
                                            " is not a size from 1 MiB to 16 TiB");
    // A domain's memory is made of whole pages; the store counts it in KiB.
    *to = *to / 4096 * 4096;
    return {};
}

Result<void> DomainReader::vcpu(const Element& element)
{
    spec_.maximum_vcpus = static_cast<unsigned>(CONFIG_TRY(reading_.number(element, 1, most_vcpus)));
    const auto online = CONFIG_TRY(reading_.number(element, "current", 1, spec_.maximum_vcpus));
    spec_.online_vcpus = static_cast<unsigned>(online.value_or(spec_.maximum_vcpus));
    if (const auto cpus = element.attribute("cpuset")) {
        const auto parsed = parse_cpu_set(*cpus);
        if (!parsed)
            return reading_.refuse(element, "cpuset='" + std::string(*cpus) + "' is not a set of processors such as 0-3,^2");
        spec_.cpus = *parsed;
    }
    return {};
}

Result<void> DomainReader::cputune(const Element& element)
{
    std::optional<std::uint64_t> period, quota;
    for (const Element& child : element.children) {
        if (child.name == "shares") {
            spec_.weight = static_cast<unsigned>(CONFIG_TRY(reading_.number(child, 1, 65535)));
        } else if (child.name == "period") {
            period = CONFIG_TRY(reading_.number(child, 1000, 1000000));
        } else if (child.name == "quota") {
            quota = CONFIG_TRY(reading_.number(child, 1000, 1ull << 40));
        } else if (child.name == "vcpupin") {
            const auto number = CONFIG_TRY(reading_.number(child, "vcpu", 0, most_vcpus - 1));
            const auto cpus = parse_cpu_set(child.attribute("cpuset").value_or(""));
            if (!number || !cpus)
                return reading_.refuse(child, "needs vcpu='NUMBER' and cpuset='PROCESSORS'");
            spec_.pinnings.push_back({static_cast<unsigned>(*number), *cpus});
        } else {
            CONFIG_CHECK(reading_.unknown(child));
        }
    }
    if (quota) {
        const std::uint64_t percent = *quota * 100 / period.value_or(100000);
        if (percent == 0 || percent > 65535)
            return reading_.refuse(element, "the quota is not 1 % to 65535 % of the period");
        spec_.cap_percent = static_cast<unsigned>(percent);
        if (!spec_.weight)
            spec_.weight = usual_weight;
    }
    return {};
}

Result<void> DomainReader::os_type(const Element& element)
{
    const std::string_view type = element.trimmed_text();
    if (type == "hvm" || type == "xenpvh")
        return reading_.refuse(element, "'" + std::string(type) +
                                            "' guests need processor virtualization, which this version does not use: write 'xen' for a "
                                            "paravirtual one");
    if (type != "linux" && type != "xen")
        return reading_.refuse(element, "'" + std::string(type) + "' is not 'xen' or 'linux'");
    const std::string_view machine = element.attribute("machine").value_or("xenpv");
    if (machine != "xenpv" && machine != "xenner")
        return reading_.refuse(element, "machine='" + std::string(machine) + "' is not 'xenpv'");
    if (const std::string_view arch = element.attribute("arch").value_or("x86_64"); arch != "x86_64")
        return reading_.refuse(element, "arch='" + std::string(arch) + "' is not 'x86_64': guests of 32 bits are not supported");
    return {};
}

Result<void> DomainReader::path(const Element& element, std::string& to)
{
    to = element.trimmed_text();
    if (to.empty() || to.front() != '/')
        return reading_.refuse(element, "'" + to + "' is not an absolute path");
    return {};
}

Result<void> DomainReader::os(const Element& element)
{
    for (const Element& child : element.children) {
        if (child.name == "type") {
            CONFIG_CHECK(os_type(child));
        } else if (child.name == "kernel") {
            CONFIG_CHECK(path(child, spec_.kernel));
        } else if (child.name == "initrd") {
            CONFIG_CHECK(path(child, spec_.initrd));
        } else if (child.name == "cmdline") {
            spec_.command_line = child.trimmed_text();
            if (spec_.command_line.size() > longest_command_line)
                return reading_.refuse(child, "longer than " + std::to_string(longest_command_line) + " bytes");
        } else if (child.name != "boot" && child.name != "root") {
            CONFIG_CHECK(reading_.unknown(child));
        }
    }
    return {};
}

Result<void> DomainReader::clock(const Element& element)
{
    if (element.attribute("offset") == "variable") {
        const std::string_view text = element.attribute("adjustment").value_or("0");
        const auto seconds = parse_signed(text);
        if (!seconds || *seconds > INT32_MAX || *seconds < INT32_MIN)
            return reading_.refuse(element, "adjustment='" + std::string(text) + "' is not a number of seconds");
        spec_.time_offset_seconds = *seconds;
    } else if (element.attribute("offset") == "localtime") {
        reading_.warn(element, "offset='localtime' is not supported: the guest's clock shows UTC");
    }
    // Values of XEN_DOMCTL_settscinfo.
    static constexpr std::pair<std::string_view, std::uint32_t> modes[] = {{"emulate", 1}, {"native", 2}, {"auto", 0}, {"smpsafe", 0}};
    for (const Element& timer : element.children)
        if (timer.name == "timer" && timer.attribute("name") == "tsc")
            spec_.tsc_mode = CONFIG_TRY((reading_.word<std::uint32_t>(timer, timer.attribute("mode").value_or("auto"), "mode=", modes)));
    return {};
}

Result<void> DomainReader::action(const Element& element, EndAction& to)
{
    static constexpr std::pair<std::string_view, EndAction> words[] = {
        {"destroy", EndAction::destroy},
        {"restart", EndAction::restart},
        {"preserve", EndAction::preserve},
        {"rename-restart", EndAction::rename_restart},
        {"coredump-destroy", EndAction::coredump_destroy},
        {"coredump-restart", EndAction::coredump_restart},
    };
    to = CONFIG_TRY((reading_.word<EndAction>(element, element.trimmed_text(), "", words)));
    if (to == EndAction::coredump_destroy || to == EndAction::coredump_restart)
        reading_.warn(element, "core dumps are not supported yet: the domain ends without one");
    return {};
}

Result<void> DomainReader::bootloader(const Element& element)
{
    return reading_.refuse(element, "boot loaders are not supported yet: name the guest's <kernel> and <initrd> in <os>");
}

Result<void> DomainReader::without_effect(const Element& element)
{
    reading_.warn(element, "not supported yet: without effect");
    return {};
}

/// A MAC address in Xen's range that depends only on the domain's identifier, so that a restart keeps it.
void DomainReader::choose_macs()
{
    for (std::size_t index = 0; index < spec_.interfaces.size(); ++index) {
        MacAddress& mac = spec_.interfaces[index].mac;
        if (mac != MacAddress{})
            continue;
        std::uint32_t hash = 2166136261u + static_cast<std::uint32_t>(index);
        for (std::uint8_t byte : spec_.uuid)
            hash = (hash ^ byte) * 16777619u;
        mac = {0x00, 0x16, 0x3e, static_cast<std::uint8_t>(hash >> 16 & 0x7f), static_cast<std::uint8_t>(hash >> 8),
               static_cast<std::uint8_t>(hash)};
    }
}

Result<void> DomainReader::complete(const Element& domain)
{
    if (spec_.name.empty())
        return reading_.refuse(domain, "has no <name>");
    if (!memory_)
        return reading_.refuse(domain, "has no <memory>");
    spec_.memory_bytes = std::min(current_memory_.value_or(*memory_), *memory_);
    spec_.maximum_memory_bytes = std::max(maximum_memory_.value_or(*memory_), *memory_);
    if (spec_.kernel.empty())
        return reading_.refuse(domain, "has no <os><kernel>: booting from the guest's disk is not supported yet, name the guest's kernel");
    if (spec_.online_vcpus == 0)
        spec_.online_vcpus = spec_.maximum_vcpus;
    for (const Pinning& pinning : spec_.pinnings)
        if (pinning.vcpu >= spec_.maximum_vcpus)
            return reading_.refuse(domain, "<vcpupin> names vCPU " + std::to_string(pinning.vcpu) + " of " +
                                               std::to_string(spec_.maximum_vcpus));
    spec_.uuid = uuid_ ? *uuid_ : options_.uuid ? *options_.uuid : random_uuid();
    choose_macs();
    return {};
}

/// xl's configuration files are lists of key = value; an XML file begins with '<'.
bool looks_like_xl(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || text[first] == '<' || text.starts_with("\xef\xbb\xbf"))
        return false;
    return text[first] == '#' || text.find('=') != std::string_view::npos;
}

}  // namespace

bool is_good_name(std::string_view name)
{
    constexpr std::string_view extra = "-_.+:@";
    const auto allowed = [extra](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || extra.find(c) != std::string_view::npos;
    };
    // A name of digits only would be taken for a domain number.
    const bool number = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    return !name.empty() && name.size() <= longest_name && name != "." && name != ".." && name.front() != '-' && !number &&
           std::ranges::all_of(name, allowed);
}

Result<Definition> read_domain(std::string_view text, const ReadOptions& options)
{
    if (looks_like_xl(text))
        return std::unexpected(Problem{{options.file, 1, 1}, "",
                                       "this looks like a configuration file of xl, which is not supported yet: write a libvirt "
                                       "definition, <domain type='xen'>"});
    const Element root = CONFIG_TRY(read_xml(text, options.file));
    Definition definition;
    CONFIG_CHECK(DomainReader(options, definition).read(root));
    definition.spec.definition = text;
    return definition;
}

}  // namespace rf::config
