// SPDX-License-Identifier: MIT
#include "config/values.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

namespace rf::config {
namespace {

constexpr unsigned most_cpu = 1023;

template <class T>
std::optional<T> whole(std::string_view text, int base = 10)
{
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text)
{
    return whole<std::uint64_t>(text);
}

std::optional<std::int64_t> parse_signed(std::string_view text)
{
    if (text.starts_with('+'))
        text.remove_prefix(1);
    return whole<std::int64_t>(text);
}

std::optional<std::uint64_t> bytes_of_unit(std::string_view unit)
{
    if (unit == "b" || unit == "bytes")
        return 1;
    constexpr std::string_view letters = "kmgt";
    if (unit.empty())
        return std::nullopt;
    const std::size_t power = letters.find(static_cast<char>(unit[0] | 0x20));
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB"))
        return std::nullopt;
    const std::uint64_t base = rest == "B" ? 1000 : 1024;
    std::uint64_t bytes = base;
    for (std::size_t i = 0; i < power; ++i)
        bytes *= base;
    return bytes;
}

std::optional<std::uint64_t> parse_size(std::string_view text, std::string_view unit)
{
    const auto number = parse_number(text);
    const auto bytes = bytes_of_unit(unit);
    if (!number || !bytes || *number > std::numeric_limits<std::uint64_t>::max() / *bytes)
        return std::nullopt;
    return *number * *bytes;
}

std::optional<std::vector<unsigned>> parse_cpu_set(std::string_view text)
{
    std::set<unsigned> cpus;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        std::string_view part = text.substr(at, end - at);
        at = end + 1;
        const bool exclude = part.starts_with('^');
        if (exclude)
            part.remove_prefix(1);
        const std::size_t dash = part.find('-');
        const auto first = whole<unsigned>(part.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : whole<unsigned>(part.substr(dash + 1));
        if (!first || !last || *last < *first || *last > most_cpu)
            return std::nullopt;
        for (unsigned cpu = *first; cpu <= *last; ++cpu) {
            if (exclude)
                cpus.erase(cpu);
            else
                cpus.insert(cpu);
        }
    }
    if (cpus.empty())
        return std::nullopt;
    return std::vector<unsigned>(cpus.begin(), cpus.end());
}

std::optional<MacAddress> parse_mac(std::string_view text)
{
    MacAddress mac{};
    if (text.size() != 17)
        return std::nullopt;
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const auto byte = whole<std::uint8_t>(text.substr(3 * i, 2), 16);
        if (!byte || (i < 5 && text[3 * i + 2] != ':'))
            return std::nullopt;
        mac[i] = *byte;
    }
    const bool multicast = mac[0] & 1;
    const bool all_zero = std::ranges::all_of(mac, [](std::uint8_t byte) { return byte == 0; });
    if (multicast || all_zero)
        return std::nullopt;
    return mac;
}

std::optional<std::uint32_t> parse_disk_name(std::string_view name)
{
    enum class Kind { xen, scsi, ide };
    Kind kind = Kind::xen;
    if (name.starts_with("xvd"))
        name.remove_prefix(3);
    else if (name.starts_with("sd") || name.starts_with("hd")) {
        kind = name[0] == 's' ? Kind::scsi : Kind::ide;
        name.remove_prefix(2);
    } else {
        return std::nullopt;
    }
    // Letters count like a, b, ... z, aa, ab, ...
    std::uint32_t disk = 0;
    std::size_t letters = 0;
    while (letters < name.size() && name[letters] >= 'a' && name[letters] <= 'z' && letters < 3)
        disk = disk * 26 + static_cast<std::uint32_t>(name[letters++] - 'a') + 1;
    if (letters == 0)
        return std::nullopt;
    --disk;
    name.remove_prefix(letters);
    std::uint32_t partition = 0;
    if (!name.empty()) {
        const auto number = whole<std::uint32_t>(name);
        if (!number || *number == 0 || name[0] == '0')
            return std::nullopt;
        partition = *number;
    }
    constexpr std::uint32_t extended = 1u << 28;
    switch (kind) {
    case Kind::xen:
        if (disk < 16 && partition < 16)
            return 202u << 8 | disk << 4 | partition;
        if (disk < 1u << 20 && partition < 256)
            return extended | disk << 8 | partition;
        return std::nullopt;
    case Kind::scsi:
        if (disk < 16 && partition < 16)
            return 8u << 8 | disk << 4 | partition;
        return std::nullopt;
    case Kind::ide:
        if (disk < 4 && partition < 64)
            return (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | partition;
        return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace rf::config
