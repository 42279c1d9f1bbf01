// SPDX-License-Identifier: MIT
#pragma once
/// Typed sysctls and version queries: the machine and the hypervisor as a whole.

#include <string>
#include <vector>

#include "xen/privcmd.hpp"
#include "xen/sysctl.h"

namespace rf::xen {

class SystemControl {
public:
    explicit SystemControl(Privcmd& privcmd) : privcmd_(privcmd) {}

    /// Issues any sysctl; fills in the interface version.
    [[nodiscard]] Result<void> call(::xen::xen_sysctl& request, const char* what);

    [[nodiscard]] Result<::xen::xen_sysctl_physinfo> physical_info();
    /// All domains in rising order of their numbers.
    [[nodiscard]] Result<std::vector<::xen::xen_domctl_getdomaininfo>> domains();
    /// XEN_SCHEDULER_* of the default pool.
    [[nodiscard]] Result<std::uint32_t> scheduler();
    [[nodiscard]] Result<std::vector<::xen::xen_sysctl_cputopo>> cpu_topology();

    /// What becomes of the hypervisor's console buffer after reading.
    enum class Console { keep, clear };
    [[nodiscard]] Result<std::string> read_console(Console after);
    /// The console text from ring position `index` on, which is moved to the end of what was read.
    [[nodiscard]] Result<std::string> follow_console(std::uint32_t& index);
    [[nodiscard]] Result<void> debug_keys(std::string_view keys);

    /// A CPU policy of the machine (XEN_SYSCTL_cpu_policy_*).
    struct CpuPolicy {
        std::vector<::xen::xen_cpuid_leaf> leaves;
        std::vector<::xen::xen_msr_entry> msrs;
    };
    [[nodiscard]] Result<CpuPolicy> cpu_policy(std::uint32_t index);
    /// A CPU feature set (XEN_SYSCTL_cpu_featureset_*).
    [[nodiscard]] Result<std::vector<std::uint32_t>> cpu_features(std::uint32_t index);

    /// One CPU pool.
    struct CpuPool {
        std::uint32_t id = 0;
        std::uint32_t scheduler = 0;
        std::uint32_t domains = 0;
        std::vector<std::uint8_t> cpus;  ///< bit n = CPU n
    };
    /// The pool `id`, or the next higher one; ENOENT when there is none.
    [[nodiscard]] Result<CpuPool> cpu_pool(std::uint32_t id, std::uint32_t cpus);

    /// Major << 16 | minor.
    [[nodiscard]] Result<std::uint32_t> version();
    /// One of XENVER_extraversion, _capabilities, _changeset, _commandline as text.
    [[nodiscard]] Result<std::string> version_text(std::uint32_t command);

private:
    Privcmd& privcmd_;
};

}  // namespace rf::xen
