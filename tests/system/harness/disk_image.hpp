// SPDX-License-Identifier: MIT
// Raw disk images with contents a test can check from both sides.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "harness/process.hpp"

namespace rf::system {

/// Fills `file` with `mebibytes` MiB of a pseudo-random pattern: the same for the same seed, different for another.
[[nodiscard]] Result<void> write_pattern(const std::filesystem::path& file, unsigned mebibytes, std::uint64_t seed);

/// SHA-256 of `length` bytes from `offset`, in lower-case hexadecimal, as sha256sum prints it.
[[nodiscard]] Result<std::string> sha256(const std::filesystem::path& file, std::uint64_t offset, std::uint64_t length);

}  // namespace rf::system
