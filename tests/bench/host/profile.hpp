// SPDX-License-Identifier: MIT
// What the counting plugin saw: for each figure the slow instructions of one operation, and where the others were.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "runs.hpp"

namespace rf::bench {

/// One figure of one hypervisor, per operation, without the guest's own instructions.
struct Profile {
    std::map<std::string, double> slow;       ///< lock, cr3, msr, flush, iret, fence
    std::map<std::string, double> functions;  ///< instructions by function; by page where the image has no names
    double instructions = 0;

    /// Instructions weighted by what they cost: 20 for a locked one, 100 for CR3 and MSRs, 80 for a flush (INVLPG, INVPCID,
    /// CR4), 200 for IRET, 30 for a fence.
    [[nodiscard]] double cost() const;
};

/// Runs the bench kernel with the plugin. `symbols`: an ELF image with names, or empty.
[[nodiscard]] Result<std::map<std::string, Profile>> run_profile(const Run& run, const std::filesystem::path& build,
                                                                 const std::filesystem::path& symbols);

/// Both side by side, then Ringfort's functions, as Markdown.
[[nodiscard]] std::string profile_to_markdown(const std::map<std::string, Profile>& xen, const std::map<std::string, Profile>& ringfort);

}  // namespace rf::bench
