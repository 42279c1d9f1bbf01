// SPDX-License-Identifier: MIT
#include "functions.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <vector>

namespace rf::bench {

namespace {

constexpr std::uint64_t hypervisor_begin = 0xffff800000000000, hypervisor_end = 0xffff880000000000;

std::string name_at(const Names& names, std::uint64_t address)
{
    const auto found = names.upper_bound(address);
    return found == names.begin() ? "no name" : std::prev(found)->second;
}

std::string number(double value)
{
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), value < 10 ? "%.2g" : "%.0f", value);
    return text.data();
}

double sum_of(const std::map<std::string, double>& functions)
{
    double sum = 0;
    for (const auto& [name, count] : functions) sum += count;
    return sum;
}

/// Down to one in fifty, the most expensive first.
std::string list_of(const std::map<std::string, double>& functions)
{
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [name, count] : functions) order.emplace_back(count, name);
    std::sort(order.rbegin(), order.rend());
    const double sum = sum_of(functions);
    std::string out = number(sum) + ":";
    for (const auto& [count, name] : order)
        if (count * 50 >= sum) out += " `" + name + "` " + number(count) + ",";
    out.back() = '\n';
    return out;
}

}  // namespace

Result<Names> names_of_image(const std::filesystem::path& image)
{
    auto listing = system::run_program({"nm", "-n", "-C", image});
    if (!listing) return std::unexpected(listing.error());
    Names names;
    std::istringstream lines{*listing};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string address, type, name;
        if (!(words >> address >> type) || std::string_view("tTwW").find(type) == std::string_view::npos) continue;
        std::getline(words >> std::ws, name);
        names[std::stoull(address, nullptr, 16)] = name.substr(0, name.find('('));
    }
    return names;
}

Names names_of_kernel(std::string_view meter)
{
    Names names;
    constexpr std::string_view mark = " symbol ";
    for (std::size_t at = meter.find(mark); at != std::string_view::npos; at = meter.find(mark, at + 1)) {
        std::istringstream words{std::string{meter.substr(at + mark.size(), 300)}};
        std::string address, name;
        if (words >> address >> name) names[std::strtoull(address.c_str(), nullptr, 16)] = name;
    }
    return names;
}

std::map<std::string, FunctionProfile> parse_profiles(std::string_view text, const Names& hypervisor, const Names& kernel)
{
    std::map<std::string, FunctionProfile> profiles;
    FunctionProfile* current = nullptr;
    double operations = 1;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string first, second, third;
        words >> first >> second >> third;
        if (first == "window") {
            current = &profiles[second];
            operations = std::max(1.0, std::strtod(third.c_str(), nullptr));
            continue;
        }
        if (current == nullptr) continue;
        const auto address = std::strtoull(first.c_str(), nullptr, 16);
        const double each = std::strtod(second.c_str(), nullptr) / operations;
        if (address < hypervisor_begin) current->user += each;
        else if (address < hypervisor_end) current->hypervisor[name_at(hypervisor, address)] += each;
        else current->kernels[name_at(kernel, address)] += each;
    }
    return profiles;
}

std::string profiles_to_markdown(const std::map<std::string, FunctionProfile>& profiles)
{
    std::string out;
    for (const auto& [name, profile] : profiles)
        out += "**" + name + "**\n- hypervisor " + list_of(profile.hypervisor) + "- kernels " + list_of(profile.kernels) + "- user space " +
               number(profile.user) + "\n\n";
    return out;
}

}  // namespace rf::bench
