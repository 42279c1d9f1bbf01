// SPDX-License-Identifier: MIT
// Where the instructions of a window lie, by function.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "runs.hpp"

namespace rf::bench {

/// Functions by their first address.
using Names = std::map<std::uint64_t, std::string>;

/// Of an ELF image, by nm.
[[nodiscard]] Result<Names> names_of_image(const std::filesystem::path& image);
/// Of Dom0's kernel, from the lines `symbol ADDRESS NAME` of a meter's file.
[[nodiscard]] Names names_of_kernel(std::string_view meter);

/// Instructions of one operation of a window by function; what lies in user space is one function.
struct FunctionProfile {
    std::map<std::string, double> hypervisor, kernels;
    double user = 0;
};

/// Reads what the meter wrote with `profile=`.
[[nodiscard]] std::map<std::string, FunctionProfile> parse_profiles(std::string_view text, const Names& hypervisor, const Names& kernel);

/// The more expensive functions of each window, as Markdown.
[[nodiscard]] std::string profiles_to_markdown(const std::map<std::string, FunctionProfile>& profiles);

}  // namespace rf::bench
