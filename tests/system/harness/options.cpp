// SPDX-License-Identifier: MIT
#include "harness/options.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace rf::system {

namespace {

constexpr unsigned default_dom0_memory_mib = 1024;

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

}  // namespace

Hypervisor hypervisor_from_environment() {
    return environment("RF_HYPERVISOR") == "xen" ? Hypervisor::xen : Hypervisor::ringfort;
}

std::string hypervisor_arguments_from_environment() { return std::string{environment("RF_HYPERVISOR_ARGUMENTS")}; }

double time_scale() {
    const auto text = environment("RF_TIME_SCALE");
    const double scale = text.empty() ? 1.0 : std::strtod(text.data(), nullptr);
    return std::max(scale, 0.1);
}

std::filesystem::path build_directory() {
    if (const auto named = environment("RF_BUILD"); !named.empty()) return std::filesystem::absolute(named);
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}

std::filesystem::path source_directory() { return RF_SOURCE_DIRECTORY; }

unsigned dom0_memory(const MachineOptions& options) {
    if (options.dom0_memory_mib != 0) return options.dom0_memory_mib;
    return std::min(default_dom0_memory_mib, options.memory_mib / 5 * 3);
}

}  // namespace rf::system
